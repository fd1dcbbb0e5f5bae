import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../pipeline/core/index.ts';
import {
  type Anchors,
  openAnchors,
  parsePublicKey,
  parseTrustedRootCandidate,
  signerRuleSchema,
  type SignerRule,
  trustSchema,
} from '../../pipeline/trust/index.ts';

const folder = join(import.meta.dirname, '../fixtures/bundles');

type RootPin = { readonly name: string; readonly [field: string]: unknown };
type KeyPin = { readonly name: string; readonly [field: string]: unknown };

export type Vector = {
  readonly name: string;
  readonly bundle: Buffer;
  readonly anchors: Anchors;
  readonly signer?: string;
  readonly times?: number;
  readonly code?: string;
  readonly findings?: readonly string[];
};

export function read(path: string): Buffer {
  return readFileSync(join(folder, path));
}

/** Anchors as a policy pins them: the files' own digests, with the given issuers, thresholds and dates. */
export function anchorsOf(roots: readonly RootPin[], keys: readonly KeyPin[] = []): Anchors {
  const trustedRoots = roots.map(({ name }) => parseTrustedRootCandidate(read(`roots/${name}.json`)));
  const publicKeys = keys.map(({ name }) => parsePublicKey(read(`keys/${name}.pem`).toString()));
  const trust = trustSchema.parse({
    roots: roots.map((root, at) => ({ ...root, sha256: trustedRoots[at]?.sha256 })),
    keys: keys.map((key, at) => ({ ...key, spkiSha256: publicKeys[at]?.spkiSha256 })),
  });
  const { anchors, missing } = openAnchors(trust, { trustedRoots, publicKeys });
  if (missing.length > 0) throw new Error(missing.join());
  return anchors;
}

export function loadVector(name: string): Vector {
  const {
    roots = [],
    keys = [],
    ...expected
  } = JSON.parse(read(`${name}/case.json`).toString()) as {
    roots?: RootPin[];
    keys?: KeyPin[];
  } & Omit<Vector, 'name' | 'bundle' | 'anchors'>;
  return { name, bundle: read(`${name}/bundle.sigstore.json`), anchors: anchorsOf(roots, keys), ...expected };
}

export function loadVectors(): readonly Vector[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'roots' && entry.name !== 'keys')
    .map((entry) => loadVector(entry.name));
}

export const github = {
  repository: { name: 'acme/node-images', id: '700700700' },
  owner: { name: 'acme', id: 40404040 },
  builder: 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/*',
  caller: 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/*',
  ref: 'refs/tags/v*',
};

/** The rule of the release workflow, as a policy has it, with some of its fields changed. */
export function githubRule(changes: object = {}, root = 'rekor-v1'): SignerRule {
  return signerRuleSchema.parse({ name: 'release', root, github: { ...github, ...changes } });
}

/** The fault that a step throws; anything else that it throws is a failure of ours. */
export function faultOf(step: () => unknown): Fault {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown, want a fault');
}

/** JSON that a test bends into shapes that no type has. */
// oxlint-disable-next-line typescript/no-explicit-any -- the point of it
export type Bent = any;

type Text<Field extends string> = Record<Field, string>;

/** A bundle as JSON, to be changed by tests. */
export type BundleJson = {
  mediaType: string;
  verificationMaterial: {
    certificate?: Text<'rawBytes'>;
    publicKey?: Text<'hint'>;
    tlogEntries?: {
      logIndex?: string;
      integratedTime?: string;
      logId: Text<'keyId'>;
      kindVersion: Text<'kind' | 'version'>;
      inclusionPromise?: Text<'signedEntryTimestamp'>;
      inclusionProof: Text<'rootHash' | 'treeSize'> & {
        logIndex?: string;
        hashes?: string[];
        checkpoint: Text<'envelope'>;
      };
      canonicalizedBody: string;
    }[];
    timestampVerificationData?: { rfc3161Timestamps?: Text<'signedTimestamp'>[] };
  };
  dsseEnvelope: Text<'payload' | 'payloadType'> & { signatures: Text<'sig' | 'keyid'>[] };
};

export function parseJsonOf(bundle: Uint8Array): BundleJson {
  return JSON.parse(Buffer.from(bundle).toString()) as BundleJson;
}
