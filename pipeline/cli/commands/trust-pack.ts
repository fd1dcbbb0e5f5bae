import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Digest, exit, Fault, type Json, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { parseBundle } from '../../formats/sigstore-bundle/index.ts';
import {
  encodeTrustPack,
  listPackContent,
  parsePublicKey,
  parseTrustedRootCandidate,
  parseTrustPack,
  trustPackMediaType,
} from '../../trust/index.ts';
import type { Run } from '../command.ts';
import {
  asConfiguration,
  inFile,
  inputLimits,
  parseEnd,
  parseName,
  readConfiguration,
  readInput,
  renderJson,
  splitLines,
} from '../inputs.ts';
import type { trustPackCommand } from '../table.ts';
import { documentTime, type World } from '../world.ts';

export const runTrustPack: Run<typeof trustPackCommand> = async ({ operands, options, world }) => {
  const issued = documentTime(world);
  const name = parseName(options.name, 'name');
  const gathered = operands.map((path) => inFile(path, () => gather(path, world)));
  const bytes = encodeTrustPack({
    name,
    version:
      options.version === undefined ? Math.max(1, Math.floor(issued.getTime() / 1000)) : parseVersion(options.version),
    issuedAt: issued.toISOString().replace(/\.\d{3}Z$/, 'Z'),
    expiresAt: options['expires-at'] === undefined ? null : parseEnd(options['expires-at'], 'expires-at', issued),
    trustedRoots: distinct([
      ...options['trusted-root'].map((path) =>
        asConfiguration(
          path,
          () => parseTrustedRootCandidate(readConfiguration(world, path, limits.trustedRootBytes)).json,
        ),
      ),
      ...gathered.flatMap((part) => part.trustedRoots),
    ]),
    publicKeys: [
      ...new Set([
        ...options['public-key'].map((path) => readKey(path, world)),
        ...gathered.flatMap((part) => part.publicKeys),
      ]),
    ],
    bundles: distinct(gathered.flatMap((part) => part.bundles)),
    revocations: distinct([
      ...options.revocation.flatMap((path) =>
        inFile(path, () => readBundles(path, readInput(world, path, limits.trustPackBytes))),
      ),
      ...gathered.flatMap((part) => part.revocations),
    ]),
  });
  writeNew(resolve(world.directory, options.out), options.out, bytes);
  const digest = Digest.format(Digest.of('sha256', bytes));
  world.stdout.write(
    options.json
      ? renderJson({ out: options.out, digest, sizeBytes: bytes.byteLength })
      : `Wrote ${options.out}: ${bytes.byteLength} bytes, ${digest}\n`,
  );
  return exit.admit;
};

type Gathered = {
  readonly bundles: readonly Json[];
  readonly revocations: readonly Json[];
  readonly trustedRoots: readonly Json[];
  readonly publicKeys: readonly string[];
};

function gather(path: string, world: World): Gathered {
  const bytes = readInput(world, path, limits.trustPackBytes);
  if (!path.endsWith('.jsonl')) {
    const json = parseJsonBytes(bytes, 'document', limits.trustPackBytes);
    if (typeof json === 'object' && json !== null && 'mediaType' in json && json['mediaType'] === trustPackMediaType)
      return listPackContent(parseTrustPack(bytes));
  }
  return { bundles: readBundles(path, bytes), revocations: [], trustedRoots: [], publicKeys: [] };
}

/** Bundles are checked to be some: a pack that carries junk helps nobody. */
function readBundles(path: string, bytes: Uint8Array): readonly Json[] {
  const parts = path.endsWith('.jsonl') ? splitLines(bytes).map(({ line }) => line) : [bytes];
  return parts.map((part) => {
    parseBundle(part);
    return parseJsonBytes(part, 'bundle', limits.bundleBytes);
  });
}

function readKey(path: string, world: World): string {
  const pem = Buffer.from(readConfiguration(world, path, inputLimits.pem)).toString('utf8');
  inFile(path, () => parsePublicKey(pem));
  return pem;
}

function distinct(documents: readonly Json[]): readonly Json[] {
  return [...new Map(documents.map((document) => [JSON.stringify(document), document])).values()];
}

function parseVersion(text: string): number {
  const version = Number(text);
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new Fault('usage.version', `Cannot use version ${JSON.stringify(text)}: want a whole number from 1`);
  return version;
}

function writeNew(path: string, shown: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    throw new Fault(
      code === 'EEXIST' ? 'usage.output' : 'file.write',
      `Cannot write ${shown}: ${code === 'EEXIST' ? 'it is there already' : code}`,
      { where: shown, cause, next: 'Name a new file in a directory that is there' },
    );
  }
}
