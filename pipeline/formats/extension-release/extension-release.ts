import { type Assignments, parseEnvFile } from '../os-release/index.ts';

/** System extensions merge into /usr and /opt, configuration extensions into /etc. */
export type ExtensionClass = 'sysext' | 'confext';

/** Where an extension may be merged: SYSEXT_SCOPE, CONFEXT_SCOPE. */
export type ExtensionScope = 'system' | 'initrd' | 'portable';

/** What an extension says about the systems that it fits, os-release(5). An empty value counts as absent. */
export type ExtensionRelease = Assignments & {
  /** The os-release ID of the systems that it fits, or `_any`. */
  readonly id: string | null;
  readonly versionId: string | null;
  readonly sysextLevel: string | null;
  readonly confextLevel: string | null;
  /** systemd's word for the architecture (`x86-64`, `arm64`), or `_any`. */
  readonly architecture: string | null;
  /** Null where the field is absent (then system and portable fit); an empty field fits nowhere. */
  readonly sysextScope: readonly string[] | null;
  readonly confextScope: readonly string[] | null;
};

/** Parses the bytes of an extension-release file; the syntax is that of os-release. Faults: those of parseEnvFile. */
export function parseExtensionRelease(bytes: Uint8Array): ExtensionRelease {
  const assignments = parseEnvFile(bytes, 'extension-release');
  const field = (key: string) => assignments.fields.get(key) || null;
  const list = (key: string) =>
    assignments.fields
      .get(key)
      ?.split(/[ \t\n\r]+/)
      .filter((word) => word !== '') ?? null;
  return Object.freeze({
    ...assignments,
    id: field('ID'),
    versionId: field('VERSION_ID'),
    sysextLevel: field('SYSEXT_LEVEL'),
    confextLevel: field('CONFEXT_LEVEL'),
    architecture: field('ARCHITECTURE'),
    sysextScope: list('SYSEXT_SCOPE'),
    confextScope: list('CONFEXT_SCOPE'),
  });
}
