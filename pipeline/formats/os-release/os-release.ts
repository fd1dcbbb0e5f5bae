import { type Assignments, parseEnvFile } from './env-file.ts';

/** What an operating system says about itself, os-release(5). An empty value counts as absent. */
export type OsRelease = Assignments & {
  /** `linux` where the file does not say. */
  readonly id: string;
  readonly idLike: readonly string[];
  readonly name: string | null;
  readonly prettyName: string | null;
  readonly version: string | null;
  readonly versionId: string | null;
  readonly buildId: string | null;
  readonly imageId: string | null;
  readonly imageVersion: string | null;
  readonly sysextLevel: string | null;
  readonly confextLevel: string | null;
};

/** Parses the bytes of an os-release file. Faults: those of parseEnvFile. */
export function parseOsRelease(bytes: Uint8Array): OsRelease {
  const assignments = parseEnvFile(bytes, 'os-release');
  const field = (key: string) => assignments.fields.get(key) || null;
  return Object.freeze({
    ...assignments,
    id: field('ID') ?? 'linux',
    idLike: (field('ID_LIKE') ?? '').split(/[ \t\n\r]+/).filter((word) => word !== ''),
    name: field('NAME'),
    prettyName: field('PRETTY_NAME'),
    version: field('VERSION'),
    versionId: field('VERSION_ID'),
    buildId: field('BUILD_ID'),
    imageId: field('IMAGE_ID'),
    imageVersion: field('IMAGE_VERSION'),
    sysextLevel: field('SYSEXT_LEVEL'),
    confextLevel: field('CONFEXT_LEVEL'),
  });
}
