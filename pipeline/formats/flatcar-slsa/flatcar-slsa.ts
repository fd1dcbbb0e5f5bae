import { Digest, Fault, type Json, limits } from '../../core/index.ts';
import { type EbuildPackage, parseEbuildPackage } from '../ebuild/index.ts';
import { parseJsonBytes } from '../json/index.ts';

/** What Flatcar's build says about one package: an unsigned statement, so a source of facts, never of proof. */
export type FlatcarSlsa = {
  readonly package: EbuildPackage;
  /** The build's container image, `ghcr.io/flatcar/flatcar-sdk-all:4593.0.0`. */
  readonly buildType: string;
  /** The commit of the ebuilds. */
  readonly commit: string | null;
  readonly sources: readonly FlatcarSlsaSource[];
};

type FlatcarSlsaSource = { readonly uri: string; readonly digests: readonly Digest[] };

const knownAlgorithms: ReadonlySet<string> = new Set(['sha1', 'sha256', 'sha384', 'sha512']);

type Members = { readonly [key: string]: Json };

/**
 * Parses one file of `/usr/share/SLSA`, decompressed: an in-toto Statement v1 with SLSA provenance, as Flatcar's
 * `profile.bashrc.slsa-provenance` writes it. Its subjects have no name, only a `uri`, and its builder is a placeholder,
 * so the strict readers of statements do not fit.
 * Faults: flatcar-slsa.statement, ebuild.package, json.*, limit.json.
 *
 * @param fileName `sys-apps_systemd-257.9.json`: the package is named nowhere else in full
 */
export function parseFlatcarSlsa(content: Uint8Array, fileName: string): FlatcarSlsa {
  const statement = membersOf(parseJsonBytes(content, 'SLSA statement', limits.flatcarSlsaBytes), 'statement');
  if (statement['predicateType'] !== 'https://slsa.dev/provenance/v1')
    throw malformed('predicateType', 'want https://slsa.dev/provenance/v1');
  const predicate = membersOf(statement['predicate'], 'predicate');
  const definition = membersOf(predicate['buildDefinition'], 'predicate.buildDefinition');
  const { buildType } = definition;
  if (typeof buildType !== 'string') throw malformed('predicate.buildDefinition.buildType', 'want a text');
  const parameters = membersOf(definition['externalParameters'], 'predicate.buildDefinition.externalParameters');
  const commit = parameters['gitCommit'];
  return {
    package: packageIn(fileName),
    buildType,
    commit: typeof commit === 'string' && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null,
    sources: sourcesIn(definition['resolvedDependencies'] ?? []),
  };
}

/** `category_name-version.json`: categories hold no underscore. */
function packageIn(fileName: string): EbuildPackage {
  return parseEbuildPackage(fileName.replace(/\.json$/, '').replace('_', '/'));
}

function sourcesIn(dependencies: Json): readonly FlatcarSlsaSource[] {
  const field = 'predicate.buildDefinition.resolvedDependencies';
  if (!Array.isArray(dependencies)) throw malformed(field, 'want a list');
  return (dependencies as readonly Json[]).flatMap((dependency) => {
    const { uri, digest } = membersOf(dependency, field);
    if (typeof uri !== 'string') return [];
    return [{ uri, digests: digestsIn(membersOf(digest ?? {}, `${field}.digest`)) }];
  });
}

/** Digests by algorithms that we know: the statement may hold others. */
function digestsIn(set: Members): readonly Digest[] {
  return Object.entries(set).flatMap(([algorithm, hex]) =>
    knownAlgorithms.has(algorithm) && typeof hex === 'string' ? [Digest.fromHex(algorithm, hex)] : [],
  );
}

function membersOf(value: Json | undefined, field: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(field, 'want an object');
  return value as Members;
}

function malformed(field: string, problem: string): Fault {
  return new Fault('flatcar-slsa.statement', `Cannot read SLSA statement: ${field}: ${problem}`, { where: field });
}
