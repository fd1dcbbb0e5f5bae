import type { Finding } from '../core/index.ts';
import type { OsRelease } from '../formats/os-release/index.ts';
import type { UsrVerity } from '../release/index.ts';
import type { Evidence, ExtensionState } from './evidence.ts';

/**
 * What the next boot of a node would run, as it lies on its disk now. User space read all of it, and no kernel enforces any of
 * it yet: no fact is more than claimed.
 */
export type NextBoot = {
  readonly simulated: boolean;
  readonly slot: {
    /** `USR-B`. */
    readonly name: string;
    /** Whether it is the one that runs now: no update is pending then. */
    readonly running: boolean;
    /** Why the boot loader takes it, and where that was read. */
    readonly flags: string;
    readonly source: string;
  };
  /** Null where it could not be read: `unread` says why. */
  readonly usr: {
    readonly os: OsRelease;
    /** systemd's word, read from the programs. */
    readonly architecture: string;
    /** The root hash as it was recomputed from every data block. */
    readonly verity: UsrVerity | null;
    readonly source: string;
  } | null;
  /** Null where the boot loader would find none. */
  readonly kernel: {
    readonly path: string;
    readonly sha256: string;
    /** What the boot loader passes on as verity.usrhash=. */
    readonly embeddedUsrHash: string | null;
  } | null;
  /** Facts of the slot that cannot both be true. */
  readonly contradictions: readonly { readonly message: string; readonly next: string }[];
  /** What the next merge would take counts as merged. */
  readonly sysexts: ExtensionState;
  readonly confexts: ExtensionState;
  /** Extensions that systemd would leave out, and each reason. */
  readonly unfit: readonly { readonly field: string; readonly path: string; readonly reasons: readonly Finding[] }[];
  /** Extensions of the new version that are not there: the initrd would fetch them. */
  readonly missing: readonly { readonly name: string; readonly paths: readonly string[] }[];
} & Pick<Evidence, 'mounts' | 'mountView' | 'unread'>;
