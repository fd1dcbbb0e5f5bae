import { join } from 'node:path';
import { listDirectory, readInput } from '../cli/index.ts';
import { Digest, Fault, limits, within } from '../core/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { provenanceType } from '../formats/slsa/index.ts';
import { parseStatement, type Statement } from '../formats/statement/index.ts';
import { nodeSetPredicateType } from '../release/index.ts';
import { parseSigningCertificate } from '../verify/index.ts';
import type { ActionWorld } from './world.ts';

/** A directory that attest wrote, as outputs and the summary tell of it. Nothing in it is verified by this. */
export type ReleaseDescription = {
  /** As it was named: relative to the workspace, or absolute. */
  readonly directory: string;
  readonly bundles: readonly DescribedBundle[];
  readonly sboms: readonly string[];
  readonly trustPack: string | null;
  /** The bundle of the node set, and the digest of its identity. */
  readonly nodeSet: { readonly path: string; readonly identityDigest: string } | null;
  /** What attest wrote about the set, in Markdown. */
  readonly markdown: string;
};

export type DescribedBundle = {
  readonly path: string;
  readonly predicateType: string;
  /** Names and digests of what it is about. */
  readonly subjects: readonly { readonly name: string; readonly digest: string; readonly role: string | null }[];
  /** Who signed, as its certificate says; null where a key did. */
  readonly certificate: { readonly identity: string; readonly issuer: string } | null;
};

/** Faults: file.*, usage.bundles (no bundle there), and those of parseBundle and parseStatement with the path. */
export function describeRelease(directory: string, world: ActionWorld): ReleaseDescription {
  const names = listDirectory(world, directory);
  const pathOf = (name: string): string => join(directory, name);
  const bundles = names
    .filter((name) => name.endsWith('.sigstore.json'))
    .map((name) =>
      within(pathOf(name), () => describeBundle(pathOf(name), readInput(world, pathOf(name), limits.bundleBytes))),
    );
  if (bundles.length === 0)
    throw new Fault('usage.bundles', `Cannot use ${directory}: no .sigstore.json in it`, {
      where: directory,
      next: 'Give the directory that attest wrote',
    });
  const trustPack = names.find((name) => name.endsWith('.trust-pack.json'));
  return {
    directory,
    bundles,
    sboms: names.filter((name) => name.endsWith('.cdx.json')).map(pathOf),
    trustPack: trustPack === undefined ? null : pathOf(trustPack),
    nodeSet: findNodeSet(bundles),
    markdown: names
      .filter((name) => name.endsWith('.summary.md'))
      .map((name) => Buffer.from(readInput(world, pathOf(name), limits.summaryBytes)).toString('utf8'))
      .join('\n'),
  };
}

function describeBundle(path: string, bytes: Uint8Array): DescribedBundle {
  const bundle = parseBundle(bytes);
  const { predicateType, subject } = statementOf(bundle);
  return {
    path,
    predicateType,
    subjects: subject.flatMap(({ name = '', digest, annotations }) => {
      const hex = digest['sha256'];
      const role = annotations?.['role'];
      return hex === undefined ? [] : [{ name, digest: `sha256:${hex}`, role: typeof role === 'string' ? role : null }];
    }),
    certificate: bundle.certificate === null ? null : identityOf(bundle.certificate),
  };
}

function statementOf({ content }: SigstoreBundle): Statement {
  if (content.kind === 'envelope') return parseStatement(content.envelope.payload);
  throw new Fault('publication.statement', 'Cannot use bundle: it signs a message, want a statement');
}

function identityOf(der: Buffer): DescribedBundle['certificate'] {
  const { subjectAlternativeName: identity, issuer } = parseSigningCertificate(der);
  return { identity, issuer };
}

function findNodeSet(bundles: readonly DescribedBundle[]): ReleaseDescription['nodeSet'] {
  for (const { path, predicateType, subjects } of bundles) {
    const identity = subjects.find(({ role }) => role === 'identity');
    if (predicateType === nodeSetPredicateType && identity !== undefined)
      return { path, identityDigest: identity.digest };
  }
  return null;
}

/** The digests of files by their names, as provenance has them. */
export function digestsByName({ bundles }: ReleaseDescription): ReadonlyMap<string, Digest> {
  const subjects = bundles
    .filter(({ predicateType }) => predicateType === provenanceType)
    .flatMap((each) => each.subjects);
  return new Map(subjects.map(({ name, digest }) => [name, Digest.parse(digest)]));
}
