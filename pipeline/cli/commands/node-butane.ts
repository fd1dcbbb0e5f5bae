import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Digest, exit, Fault, limits } from '../../core/index.ts';
import { openFileSource, writeImageAtomically } from '../../edge/files/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { encodeButane, mergeButane } from '../../formats/butane/index.ts';
import { architectureOf, elfHeaderBytes, parseElfHeader } from '../../formats/elf/index.ts';
import { encodeIgnition, enfoldIgnition, type Fragment, mergeIgnition } from '../../formats/ignition/index.ts';
import { buildFragment, judgeUserData } from '../../installation/index.ts';
import { parsePolicy, pickNodeBundles, type Policy } from '../../policy/index.ts';
import { encodeTrustPack, openAnchors, parseTrustPack, type TrustPack } from '../../trust/index.ts';
import { renderFacts, renderSize } from '../../report/index.ts';
import type { Invocation, Run } from '../command.ts';
import { asConfiguration, inFile, readConfiguration, readInput, renderJson } from '../inputs.ts';
import { openStores } from '../stores.ts';
import { noStoreOptions, type nodeButaneCommand } from '../table.ts';
import type { World } from '../world.ts';

type Request = Invocation<typeof nodeButaneCommand>;

export const runNodeButane: Run<typeof nodeButaneCommand> = async (request) => {
  const { options, world } = request;
  refuseContradictions(request);
  const url = parseProgramUrl(options['binary-url']);
  const policyBytes = readInput(world, options.policy, limits.policyBytes);
  const { policy } = inFile(options.policy, () => parsePolicy(policyBytes));
  const pack = readNodePack(request, policy);
  const sha512 = await readProgram(request, policy);
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
  if (from.length > 0) openStores(from, 'from', noStoreOptions, world);
  // They become words of a unit, and are looked up on the node.
  const astray = from.find((store) => /\p{Cc}/u.test(store) || /^directory:(?!\/|https?:)/.test(store));
  if (astray !== undefined)
    throw new Fault('usage.store', `Cannot let a node ask ${JSON.stringify(astray.slice(0, 200))}`, {
      next: 'Name a store by its address, or a directory by its whole path on the node',
    });
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

type NodePack = {
  readonly bytes: Uint8Array;
  readonly bundles: number;
  /** How many the release's pack has. */
  readonly givenBundles: number;
  readonly notes: readonly string[];
};

/** The pack with what a node needs of it. Faults: trust-pack.*, config.pack, file.*. */
function readNodePack({ options, world }: Request, policy: Policy): NodePack {
  const path = options['trust-pack'];
  const given = inFile(path, () => parseTrustPack(readInput(world, path, limits.trustPackBytes)));
  const notes = judgeAnchors(policy, given, path);
  const { bundles, nodeSets } = pickNodeBundles(policy, given.bundles);
  if (nodeSets === 0 && options.from.length === 0)
    throw new Fault('config.pack', `Cannot install ${path}: no node set is in it, so no node would be admitted`, {
      where: path,
      next: 'Give the trust pack of a release with a node set, or stores to fetch it from with --from',
    });
  // What the policy does not pin never counts, and the root that comes with the program is there already.
  const pinned = new Set([
    ...policy.trust.roots.map((root) => root.sha256),
    ...policy.trust.keys.map((key) => key.spkiSha256),
  ]);
  const bytes = encodeTrustPack({
    ...given,
    trustedRoots: given.trustedRoots.filter(({ sha256 }) => pinned.has(sha256)).map(({ json }) => json),
    publicKeys: given.publicKeys
      .filter(({ spkiSha256 }) => pinned.has(spkiSha256))
      .map(({ key }) => key.export({ type: 'spki', format: 'pem' }).toString()),
    bundles,
  });
  return { bytes, bundles: bundles.length, givenBundles: given.bundles.length, notes };
}

/** What the policy pins and the pack lacks, told here rather than by every node. Fault: config.pack. */
function judgeAnchors(policy: Policy, pack: TrustPack, path: string): readonly string[] {
  const { anchors, missing } = inFile(path, () => openAnchors(policy.trust, pack));
  if (anchors.roots.length === 0 && anchors.keys.length === 0)
    throw new Fault('config.pack', `Cannot install ${path}: it lacks ${missing.join(' and ')}, which the policy pins`, {
      where: path,
      next: 'Add it: nodeproof trust pack PACK --public-key FILE or --trusted-root FILE --name NAME --out NEW',
    });
  return missing.map((anchor) => `the pack lacks ${anchor}: what it signed does not count on these nodes`);
}

/** The SHA-512 of the program, which must be one that such a node runs. Faults: config.program, file.*. */
async function readProgram({ options, world }: Request, policy: Policy): Promise<Digest> {
  const path = resolve(world.directory, options.binary);
  const refuse = (problem: string): Fault =>
    new Fault('config.program', `Cannot install ${options.binary}: ${problem}`, {
      where: options.binary,
      next: 'Give nodeproof-linux-x64 or nodeproof-linux-arm64 as it is to lie on the node, not compressed',
    });
  using source = openFileSource(path);
  const head = source.read(0, Math.min(elfHeaderBytes, source.sizeBytes));
  const architecture = architectureOfProgram(head);
  if (architecture === null) throw refuse('it is no program for Linux');
  const wanted = policy.node.os.architectures;
  if (wanted !== undefined && !wanted.includes(architecture))
    throw refuse(`it is for ${architecture}, and the policy admits ${wanted.join(' and ')}`);
  await using hashing = openHashingPool();
  const [digest] = await hashing.digestSource(source, ['sha512']);
  if (digest === undefined) throw new TypeError('Cannot happen: no digest was computed');
  return digest;
}

function architectureOfProgram(head: Uint8Array): string | null {
  try {
    return architectureOf(parseElfHeader(head));
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
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
    ...(isWhole ? [['pinned by', `sha512-${Digest.of('sha512', ignition).hex}`] as const] : []),
    ...notes.map((note) => ['note', note] as const),
  ];
  return `${renderFacts(facts)}\n`;
}
