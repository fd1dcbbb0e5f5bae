import type { Finding } from '../../core/index.ts';
import type { OsRelease } from '../os-release/index.ts';
import type { ExtensionClass, ExtensionRelease, ExtensionScope } from './extension-release.ts';

/** The system on which an extension would be merged. */
export type ExtensionHost = {
  readonly os: OsRelease;
  /** systemd's word: `x86-64`, `arm64`. */
  readonly architecture: string;
  /** `system` on a running node, `initrd` in its initrd. */
  readonly scope: ExtensionScope;
};

/**
 * Judges whether systemd would merge an extension on a host: the rules of extension_release_validate() in systemd 257 to
 * 260 (src/shared/extension-util.c), which know no policy. Where systemd stops at the first mismatch, every one is told.
 *
 * @param name the extension's name, for messages
 */
export function judgeExtensionRelease(
  name: string,
  extension: ExtensionRelease,
  host: ExtensionHost,
  extensionClass: ExtensionClass = 'sysext',
): readonly Finding[] {
  const mismatch = mismatchOf(name);
  return [
    ...judgeScope(extension, host, extensionClass, mismatch),
    ...judgeArchitecture(extension, host, mismatch),
    ...judgeSystem(extension, host.os, extensionClass, mismatch),
  ];
}

type Mismatch = (
  rule: 'scope' | 'architecture' | 'id' | 'level' | 'version-id',
  key: string,
  actual: string | null,
  expected: string,
) => Finding;

function mismatchOf(name: string): Mismatch {
  return (rule, key, declared, expected) => {
    // Hostile text of up to 64 KiB does not go into a report.
    const actual = declared?.slice(0, 200) ?? null;
    return {
      code: `extension-release.${rule}`,
      reason: 'denied',
      message: `Cannot merge the extension ${name}: ${key} is ${actual ?? 'absent'}, want ${expected}`,
      field: `extensionRelease.${key}`,
      actual,
      expected,
      grade: null,
      next: `Build ${name} for this operating system, or take the build of it that is`,
    };
  };
}

function judgeScope(
  extension: ExtensionRelease,
  host: ExtensionHost,
  extensionClass: ExtensionClass,
  mismatch: Mismatch,
): Finding[] {
  const [key, declared] =
    extensionClass === 'sysext'
      ? (['SYSEXT_SCOPE', extension.sysextScope] as const)
      : (['CONFEXT_SCOPE', extension.confextScope] as const);
  const scopes = declared ?? ['system', 'portable'];
  return scopes.includes(host.scope) ? [] : [mismatch('scope', key, scopes.join(' '), host.scope)];
}

function judgeArchitecture(extension: ExtensionRelease, host: ExtensionHost, mismatch: Mismatch): Finding[] {
  const { architecture } = extension;
  const fits = architecture === null || architecture === '_any' || architecture === host.architecture;
  return fits ? [] : [mismatch('architecture', 'ARCHITECTURE', architecture, host.architecture)];
}

function judgeSystem(
  extension: ExtensionRelease,
  os: OsRelease,
  extensionClass: ExtensionClass,
  mismatch: Mismatch,
): Finding[] {
  if (extension.id === '_any') return [];
  const ids = [os.id, ...os.idLike];
  if (extension.id === null || !ids.includes(extension.id))
    return [mismatch('id', 'ID', extension.id, [...ids, '_any'].join(' or '))];

  // A level that both sides declare replaces the version. A host without either is a rolling release: its ID is enough.
  const [levelKey, hostLevel, level] =
    extensionClass === 'sysext'
      ? (['SYSEXT_LEVEL', os.sysextLevel, extension.sysextLevel] as const)
      : (['CONFEXT_LEVEL', os.confextLevel, extension.confextLevel] as const);
  if (hostLevel !== null && level !== null)
    return level === hostLevel ? [] : [mismatch('level', levelKey, level, hostLevel)];
  if (os.versionId === null || extension.versionId === os.versionId) return [];
  return [mismatch('version-id', 'VERSION_ID', extension.versionId, os.versionId)];
}
