import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Digest, exit, Fault, limits } from '../../core/index.ts';
import { writeImageAtomically } from '../../edge/files/index.ts';
import { encodeButane, mergeButane } from '../../formats/butane/index.ts';
import { encodeIgnition, enfoldIgnition, type Fragment, mergeIgnition } from '../../formats/ignition/index.ts';
import { buildFragment, judgeUserData } from '../../installation/index.ts';
import { parsePolicy } from '../../policy/index.ts';
import { renderFacts, renderSize } from '../../report/index.ts';
import type { Invocation, Run } from '../command.ts';
import { asConfiguration, inFile, readConfiguration, readInput, renderJson } from '../inputs.ts';
import { type NodePack, readNodePack, readProgram, refuseAstrayStores } from '../node-payload.ts';
import type { nodeButaneCommand } from '../table.ts';
import type { World } from '../world.ts';

type Request = Invocation<typeof nodeButaneCommand>;

export const runNodeButane: Run<typeof nodeButaneCommand> = async (request) => {
  const { options, world } = request;
  refuseContradictions(request);
  const url = parseProgramUrl(options['binary-url']);
  const policyBytes = readInput(world, options.policy, limits.policyBytes);
  const { policy } = inFile(options.policy, () => parsePolicy(policyBytes));
  const pack = readNodePack(options['trust-pack'], policy, world, options.from.length > 0);
  const sha512 = await readProgram(options.binary, policy, world);
  const settings = { strict: options.strict, enforce: options.enforce, stores: options.from };
  const payload = { policy: policyBytes, trustPack: pack.bytes, program: { url, sha512 } };
  const written = write(buildFragment(settings, payload), request);
  const { ignition, document } = written;
  await place(options.out, document, world);
  await place(options.ignition, ignition, world);
  const outcome = { ...written, pack, notes: [...pack.notes, ...written.notes] };
  if (options.json) world.stdout.write(renderJson(buildOutcome(request, outcome)));
  else {
    if (options.out === undefined) world.stdout.write(document);
    world.stderr.write(renderOutcome(request, outcome));
  }
  return exit.admit;
};

/** Before anything is read. Faults: usage.merge, usage.output, usage.store. */
function refuseContradictions({ options, world }: Request): void {
  const { merge, ignition, out, from } = options;
  if (merge !== undefined && ignition !== undefined)
    throw new Fault('usage.merge', 'Cannot merge into FILE and write Ignition of it: --merge came with --ignition', {
      next: 'Take --out: the merged document is in the language of FILE; Butane is compiled by butane',
    });
  for (const path of [out, ignition]) {
    if (path === undefined || !existsSync(resolve(world.directory, path))) continue;
    throw new Fault('usage.output', `Cannot write ${path}: it is there already`, {
      where: path,
      next: 'Name a file that is not there',
    });
  }
  if (
    out !== undefined &&
    ignition !== undefined &&
    resolve(world.directory, out) === resolve(world.directory, ignition)
  )
    throw new Fault('usage.output', 'Cannot write two documents into one file: --out and --ignition are the same');
  refuseAstrayStores(from, world);
}

/** Faults: usage.binary-url. */
function parseProgramUrl(text: string): URL {
  const url = URL.parse(text);
  const problem =
    url === null || !['http:', 'https:'].includes(url.protocol)
      ? 'want https://HOST/PATH or http://HOST/PATH'
      : url.username !== '' || url.password !== ''
        ? 'user data is no place for a password'
        : url.hash !== ''
          ? 'want no fragment'
          : undefined;
  if (url !== null && problem === undefined) return url;
  throw new Fault('usage.binary-url', `Cannot use --binary-url ${JSON.stringify(text.slice(0, 200))}: ${problem}`, {
    next: 'Name where machines fetch the program; a path that ends in .gz is decompressed there',
  });
}

type Language = 'butane' | 'ignition';

type Written = {
  /** What --out gets: in the language of the merged file, else Butane. */
  readonly document: string;
  readonly language: Language;
  /** What Ignition reads: where a Butane document was merged, of our part alone. */
  readonly ignition: string;
  readonly isWhole: boolean;
  readonly notes: readonly string[];
};

/** Faults: config.ignition-*, config.butane-*, config.json-*, config.limit-*, file.*. */
function write(fragment: Fragment, { options, world }: Request): Written {
  const { merge } = options;
  const enfold = (document: string): string => (options.compact ? enfoldIgnition(document) : document);
  const own = enfold(encodeIgnition(fragment));
  if (merge === undefined)
    return { document: encodeButane(fragment), language: 'butane', ignition: own, isWhole: true, notes: [] };
  const theirs = readConfiguration(world, merge, limits.nodeConfigBytes);
  const language = languageOf(theirs);
  const merged = asConfiguration(merge, () =>
    language === 'ignition' ? mergeIgnition(theirs, fragment) : mergeButane(theirs, fragment),
  );
  if (language === 'butane')
    return { document: merged.text, language, ignition: own, isWhole: false, notes: merged.notes };
  const whole = enfold(merged.text);
  return { document: whole, language, ignition: whole, isWhole: true, notes: merged.notes };
}

/** Ignition is JSON; nobody writes Butane in braces. */
function languageOf(bytes: Uint8Array): Language {
  const first = bytes.find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  return first === 0x7b ? 'ignition' : 'butane';
}

async function place(path: string | undefined, text: string, world: World): Promise<void> {
  if (path === undefined) return;
  const content = Buffer.from(text);
  await writeImageAtomically(
    resolve(world.directory, path),
    content.byteLength,
    [{ offsetBytes: 0, content }],
    async () => undefined,
  );
}

type Outcome = Written & { readonly pack: NodePack };

function buildOutcome({ options }: Request, { document, language, ignition, isWhole, pack, notes }: Outcome) {
  const sizeBytes = Buffer.byteLength(ignition);
  return {
    language,
    out: options.out ?? null,
    ...(options.out === undefined ? { document } : {}),
    ignition: {
      out: options.ignition ?? null,
      isWhole,
      sizeBytes,
      hash: `sha512-${Digest.of('sha512', ignition).hex}`,
      userData: judgeUserData(sizeBytes),
    },
    trustPack: { sizeBytes: pack.bytes.byteLength, bundles: pack.bundles, givenBundles: pack.givenBundles },
    notes,
  };
}

function renderOutcome({ options }: Request, { language, ignition, isWhole, pack, notes }: Outcome): string {
  const sizeBytes = Buffer.byteLength(ignition);
  const rooms = judgeUserData(sizeBytes).map(
    ({ place, bytes, fits }) => `${place} ${fits ? 'yes' : 'no'} (${bytes} bytes)`,
  );
  const facts = [
    ...(options.out === undefined ? [] : [[language === 'butane' ? 'Butane' : 'Ignition', options.out] as const]),
    ...(options.ignition === undefined ? [] : [['Ignition', options.ignition] as const]),
    ['trust pack', `${pack.bundles} of ${pack.givenBundles} bundles, ${renderSize(pack.bytes.byteLength)}`] as const,
    ['user data', `${sizeBytes} bytes of Ignition${isWhole ? '' : ', beside what is merged into'}`] as const,
    ['fits', rooms.join(', ')] as const,
    ...(options.compact || judgeUserData(sizeBytes).every(({ fits }) => fits)
      ? []
      : [['--compact', `makes it ${Buffer.byteLength(enfoldIgnition(ignition))} bytes`] as const]),
    ...(isWhole ? [['pinned by', `sha512-${Digest.of('sha512', ignition).hex}`] as const] : []),
    ...notes.map((note) => ['note', note] as const),
  ];
  return `${renderFacts(facts)}\n`;
}
