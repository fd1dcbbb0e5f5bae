import { Digest, exit, Fault, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { parseBundle } from '../../formats/sigstore-bundle/index.ts';
import { parseStatement } from '../../formats/statement/index.ts';
import {
  parsePublicKey,
  parseTrustedRootCandidate,
  parseTrustPack,
  publicGoodRoot,
  publicGoodSource,
  trustPackMediaType,
} from '../../trust/index.ts';
import { renderFacts } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { inFile, readInput, renderJson } from '../inputs.ts';
import type { trustShowCommand } from '../table.ts';

type Shown = { readonly path: string; readonly kind: string; readonly facts: readonly (readonly [string, string])[] };

export const runTrustShow: Run<typeof trustShowCommand> = async ({ operands, options, world }) => {
  const files = operands.map((path) =>
    inFile(path, () => describe(path, readInput(world, path, limits.trustPackBytes))),
  );
  if (options.json) {
    world.stdout.write(
      renderJson({
        files: files.map(({ path, kind, facts }) => ({
          path,
          kind,
          facts: facts.map(([fact, value]) => ({ fact, value })),
        })),
      }),
    );
  } else {
    for (const { path, kind, facts } of files) world.stdout.write(`${path}: ${kind}\n${renderFacts(facts)}\n`);
  }
  return exit.admit;
};

function describe(path: string, bytes: Uint8Array): Shown {
  if (Buffer.from(bytes.subarray(0, 5)).toString('latin1') === '-----')
    return { path, kind: 'public key', facts: keyFacts(Buffer.from(bytes).toString('utf8')) };
  const json = parseJsonBytes(bytes, 'document', limits.trustPackBytes);
  const mediaType = typeof json === 'object' && json !== null && 'mediaType' in json ? json['mediaType'] : undefined;
  if (mediaType === trustPackMediaType)
    return { path, kind: 'trust pack (untrusted until a policy pins what is in it)', facts: packFacts(bytes) };
  if (typeof mediaType === 'string' && mediaType.includes('trustedroot'))
    return {
      path,
      kind: 'trusted root',
      facts: [['pin in a policy', `sha256: ${parseTrustedRootCandidate(bytes).sha256}`]],
    };
  if (typeof mediaType === 'string' && mediaType.includes('bundle'))
    return { path, kind: 'Sigstore bundle (its claims, not verified)', facts: bundleFacts(bytes) };
  throw new Fault('usage.document', `Cannot show ${path}: no trust pack, trusted root, bundle or PEM public key`, {
    where: path,
  });
}

function keyFacts(pem: string): Shown['facts'] {
  const { algorithm, spkiSha256 } = parsePublicKey(pem);
  return [
    ['algorithm', algorithm],
    ['pin in a policy', `spkiSha256: ${spkiSha256}`],
  ];
}

function packFacts(bytes: Uint8Array): Shown['facts'] {
  const pack = parseTrustPack(bytes);
  return [
    ['name', pack.name],
    ['version', String(pack.version)],
    ['issued', pack.issuedAt],
    ['expires', pack.expiresAt ?? 'never'],
    ...pack.trustedRoots.map(
      (root) =>
        [
          'trusted root',
          `sha256 ${root.sha256}${root.sha256 === publicGoodRoot().sha256 ? ` (public-good, as in ${publicGoodSource})` : ''}`,
        ] as const,
    ),
    ...pack.publicKeys.map((key) => ['key', `${key.algorithm} spkiSha256 ${key.spkiSha256}`] as const),
    ...pack.bundles.map((bundle) => ['bundle', claimOf(() => parseBundle(bundle))] as const),
    ...pack.revocations.map((bundle) => ['revocation', claimOf(() => parseBundle(bundle))] as const),
  ];
}

function bundleFacts(bytes: Uint8Array): Shown['facts'] {
  const bundle = parseBundle(bytes);
  if (bundle.content.kind === 'message') return [['message signature over', Digest.format(bundle.content.digest)]];
  const statement = parseStatement(bundle.content.envelope.payload);
  return [
    ['predicate type', statement.predicateType],
    ...statement.subject.map(
      (subject) =>
        [
          'subject',
          `${subject.name ?? ''} ${Object.entries(subject.digest)
            .map(([algorithm, hex]) => `${algorithm}:${hex}`)
            .join(' ')}`.trim(),
        ] as const,
    ),
    ['signed by', bundle.certificate === null ? 'a key' : 'a certificate'],
    ['log entries', String(bundle.logEntries.length)],
    ['timestamps', String(bundle.timestamps.length)],
  ];
}

/** What one bundle says it is; a bundle that does not read says why. */
function claimOf(read: () => ReturnType<typeof parseBundle>): string {
  try {
    const { content } = read();
    if (content.kind === 'message') return `message signature over ${Digest.format(content.digest)}`;
    const statement = parseStatement(content.envelope.payload);
    return `${statement.predicateType} about ${statement.subject.map((subject) => subject.name ?? '?').join(', ')}`;
  } catch (error) {
    if (error instanceof Fault) return `does not read: ${error.message}`;
    throw error;
  }
}
