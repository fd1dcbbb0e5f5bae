import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareText, Digest, type Exit, exit, exitOf, Fault, type Json, limits, worstExit } from '../../core/index.ts';
import { writeDirectoryAtomically } from '../../edge/files/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { printable } from '../../report/index.ts';
import type { Fetched, FoundBundle } from '../../store/index.ts';
import type { Run } from '../command.ts';
import { asConfiguration, renderJson } from '../inputs.ts';
import { searchStores } from '../search.ts';
import type { fetchCommand } from '../table.ts';
import type { World } from '../world.ts';

export const runFetch: Run<typeof fetchCommand> = async ({ operands, options, world }) => {
  const digests = operands.map(parseOperand);
  const results = await searchStores(options, world, (search) => search.ask(digests));
  const bundles = distinct(results.flatMap((result) => result.bundles));
  const { out } = options;
  if (out !== undefined && bundles.length > 0) await writeBundles(resolve(world.directory, out), bundles);
  if (options.json) world.stdout.write(renderJson(buildDocument(results, out)));
  else tell(results, bundles, out, world);
  return worstExit(results.map(exitOfResult));
};

/** Stores list subjects by SHA-256, as all statements of a release have it. */
function parseOperand(operand: string): Digest {
  const digest = asConfiguration('the command line', () => Digest.parse(operand));
  if (digest.algorithm === 'sha256') return digest;
  throw new Fault('usage.digest', `Cannot fetch ${Digest.format(digest)}: want sha256:<hex>`);
}

function distinct(bundles: readonly FoundBundle[]): readonly FoundBundle[] {
  const bySha256 = new Map(bundles.map((bundle) => [bundle.sha256, bundle]));
  return [...bySha256.values()].sort((a, b) => compareText(a.sha256, b.sha256));
}

async function writeBundles(directory: string, bundles: readonly FoundBundle[]): Promise<void> {
  await writeDirectoryAtomically(directory, (building) => {
    for (const { sha256, bytes } of bundles) writeFileSync(join(building, fileNameOf(sha256)), bytes, { flag: 'wx' });
  });
}

function fileNameOf(sha256: string): string {
  return `sha256-${sha256}.sigstore.json`;
}

function buildDocument(results: readonly Fetched[], out: string | undefined): object {
  return {
    fetched: results.map(({ digest, bundles, passedOver, unanswered }) => ({
      digest: Digest.format(digest),
      bundles: bundles.map(({ sha256, predicateType, from, bytes }) => ({
        sha256,
        predicateType,
        from,
        ...(out === undefined ? { bundle: documentOf(bytes) } : { file: join(out, fileNameOf(sha256)) }),
      })),
      passedOver: passedOver.map(describeFault),
      unanswered: unanswered.map(({ store, fault }) => ({ store, ...describeFault(fault) })),
    })),
  };
}

/** As it was signed and published, on one line. */
function documentOf(bytes: Uint8Array): Json {
  return parseJsonBytes(bytes, 'bundle', limits.bundleBytes);
}

function describeFault({ code, message, where, next }: Fault): object {
  return { code, message, where: where ?? null, next: next ?? null };
}

/** Bundles on stdout where no directory was named; everything else is for a person, on stderr then. */
function tell(
  results: readonly Fetched[],
  bundles: readonly FoundBundle[],
  out: string | undefined,
  world: World,
): void {
  const page = results.map(renderResult).join('');
  if (out !== undefined) {
    world.stdout.write(page);
    if (bundles.length > 0)
      world.stdout.write(`Wrote ${bundles.length} bundle${bundles.length === 1 ? '' : 's'} to ${out}\n`);
    return;
  }
  world.stderr.write(page);
  for (const { bytes } of bundles) world.stdout.write(`${JSON.stringify(documentOf(bytes))}\n`);
}

function renderResult({ digest, bundles, passedOver, unanswered }: Fetched): string {
  const lines = [
    `${Digest.format(digest)}: ${bundles.length === 0 ? 'no bundle' : `${bundles.length} bundle${bundles.length === 1 ? '' : 's'}`}`,
    ...bundles.map(({ predicateType, from }) => `  ${predicateType ?? 'a signed message'}  from ${from}`),
    ...passedOver.map((fault) => `  passed over: ${renderFault(fault)}`),
    ...unanswered.map(({ store, fault }) => `  no answer from ${store}: ${renderFault(fault)}`),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function renderFault({ code, message, where, next }: Fault): string {
  return [`${message} [${code}]`, where, next].filter((part) => part !== undefined).join('; ');
}

/** What is ours to repair, or not authentic, is so; a cap that was met says nothing about what lies behind it. */
function exitOfSilence({ code }: Fault): Exit {
  const area = code.slice(0, code.indexOf('.'));
  return area === 'limit' || code === 'store.missing' ? exit.unavailable : exitOf(code);
}

/** A store that gave no answer may have what the others lack: only then is "none" not known. */
function exitOfResult({ bundles, unanswered, passedOver }: Fetched): Exit {
  if (bundles.length > 0) return exit.admit;
  if (unanswered.length > 0) return worstExit(unanswered.map(({ fault }) => exitOfSilence(fault)));
  return passedOver.length > 0 ? exit.untrusted : exit.denied;
}
