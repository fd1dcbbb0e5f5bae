import * as z from 'zod/mini';
import { decodeUtf8, grades, limits } from '../core/index.ts';
import { parseJson } from '../formats/json/index.ts';
import { parseWith, sha256Hex, utcTime } from '../formats/schema/index.ts';

export const evidenceType = 'https://nodeproof.dev/evidence/v1';

const text = z.string().check(z.maxLength(4096));
/** Options of a mount: an overlay names all its directories in one. */
const longText = z.string().check(z.maxLength(65_536));
const hash = z.string().check(z.regex(/^(?:[0-9a-f]{2}){16,64}$/));
/** `major:minor`, as mountinfo writes it. */
const deviceNumber = z.string().check(z.regex(/^\d{1,10}:\d{1,10}$/));
const count = z.int().check(z.nonnegative());

/** A value with how it is known: the grade, and where it was read. `null` means looked for and absent. */
function fact<T extends z.ZodMiniType>(value: T) {
  return z.strictObject({ value: z.nullable(value), grade: z.enum(grades), source: text });
}

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export const mountSchema = z.strictObject({
  id: count,
  parentId: count,
  device: deviceNumber,
  /** The directory of the file system that is mounted: other than `/` for a bind mount. */
  root: text,
  mountPoint: text,
  options: z.array(text),
  fileSystem: text,
  source: text,
  superOptions: z.array(longText),
});

/** A device-mapper device with its whole table, one entry a target (dmsetup table, dmsetup status). */
export const mappedDeviceSchema = z.strictObject({
  device: deviceNumber,
  name: text,
  uuid: z.nullable(text),
  targets: z.array(z.strictObject({ startSector: count, sectors: count, type: text, parameters: z.array(text) })),
  /** The status parameters of each target, in the table's order: `V` of a verity target. null where it could not be asked. */
  status: z.nullable(z.array(z.array(text))),
  /** Sectors of the device itself, which the table must cover. */
  sectors: z.nullable(count),
});

/** A loop device that backs a merged extension (losetup, /sys/block/loopN). */
export const loopDeviceSchema = z.strictObject({
  device: deviceNumber,
  name: text,
  /** The path that the kernel knows, without its ` (deleted)` mark. */
  backingFile: text,
  /** Whether the kernel says that the file was unlinked. */
  deleted: z.boolean(),
  backingInode: z.nullable(count),
  backingDevice: z.nullable(deviceNumber),
  offsetBytes: count,
  autoclear: z.nullable(z.boolean()),
  diskSequence: z.nullable(count),
  /** The devices of its partitions; null where /sys does not tell. */
  partitions: z.nullable(z.array(deviceNumber)),
  /** Digest of what the device shows, where it backs an extension and can be read. */
  sha256: z.nullable(sha256Hex),
});

/** An image, directory or mask in one of the search directories of systemd-sysext or systemd-confext. */
export const extensionSchema = z.strictObject({
  /** The name under which it is merged: the file's or link's name without `.raw` and `.sysext` or `.confext`. */
  name: text,
  /** Where it was found: a path in a search directory. */
  path: text,
  /** What the path resolves to; null where it resolves to nothing. */
  resolvedPath: z.nullable(text),
  /**
   * How systemd takes it. `versioned-directory`: a directory `.v` of which it picks one entry. `mask`: a link to /dev/null,
   * which stands for nothing. `dangling`: a link that leads nowhere.
   */
  kind: z.enum(['raw', 'directory', 'empty-directory', 'versioned-directory', 'block-device', 'mask', 'dangling']),
  /** Whether an image of the same name in an earlier search directory hides this one. A mask hides nothing. */
  hidden: z.boolean(),
  sizeBytes: z.nullable(count),
  inode: z.nullable(count),
  fileDevice: z.nullable(deviceNumber),
  sha256: fact(sha256Hex),
  /** The verity root hash inside the image, recomputed from its bytes; absent for a plain file system. */
  rootHash: fact(hash),
  /** What its extension-release says, as read from the image. */
  release: z.nullable(
    z.strictObject({
      id: z.nullable(text),
      versionId: z.nullable(text),
      sysextLevel: z.nullable(text),
      architecture: z.nullable(text),
    }),
  ),
  /** Paths it ships that no extension may: another os-release, units of ours. */
  forbiddenPaths: z.array(text).check(z.maxLength(256)),
  /** Why the image could not be read, where it could not. */
  problem: z.nullable(z.strictObject({ code: text, message: text })),
});

/** Names that the merged tree itself records (`.systemd-sysext/extensions`, `.systemd-confext/confexts`). */
const mergedNames = fact(z.array(text).check(z.maxLength(1024)));

/** The directories of a merge's overlay, from its mount options. */
const overlaySchema = z.strictObject({
  device: deviceNumber,
  lowerDirectories: z.array(longText),
  upperDirectory: z.nullable(longText),
  /** The device number that the merged tree records, which must be the overlay's. */
  recordedDevice: z.nullable(deviceNumber),
});

/** The extensions of one class and whether and how they are merged. */
export const extensionStateSchema = z.strictObject({
  found: z.array(extensionSchema).check(z.maxLength(limits.extensions * 8)),
  /** What is merged into /usr, of configuration extensions into /etc; null where nothing is. */
  merged: mergedNames,
  overlay: z.nullable(overlaySchema),
  /** The merge of the same extensions into /opt; null where none is mounted there: often no extension has an /opt. */
  opt: z.nullable(z.strictObject({ merged: mergedNames, overlay: overlaySchema })),
});

/** A unit that gates, judges or runs the node, as systemd puts it together from its files. */
export const unitStateSchema = z.strictObject({
  name: text,
  state: z.enum(['loaded', 'masked', 'absent']),
  /** Where systemd finds it, and where that path leads. */
  fragment: z.nullable(text),
  resolvedFragment: z.nullable(text),
  /** Other names that lead to it. */
  aliases: z.array(text).check(z.maxLength(64)),
  /** Its drop-ins in the order in which they are read, each with the names of what it sets. */
  dropIns: z.array(z.strictObject({ path: text, sets: z.array(text).check(z.maxLength(256)) })).check(z.maxLength(256)),
  /** The whole fragment of a unit of ours. Null for others, and where it is not what `node install` writes: that may hold secrets. */
  text: z.nullable(longText),
  /** The drop-in of ours over it, whether or not it counts, with its text as that of a unit; null where none lies there. */
  ownDropIn: z.nullable(z.strictObject({ path: text, text: z.nullable(longText) })),
  /** The settings that decide what runs, where and after what, as they count in the end. Secrets are left out. */
  settings: z.array(z.strictObject({ name: text, value: longText, file: text })).check(z.maxLength(1024)),
  /** Of a unit of ours: the links that `node install` makes for it, which are there and lead to it. */
  startedBy: z.array(text).check(z.maxLength(16)),
  /** Names of variables that it is given, and the file that gives each. Values may be secrets. */
  environment: z.array(z.strictObject({ name: text, file: text })).check(z.maxLength(4096)),
  /** What each `ExecStart=` runs. */
  programs: z
    .array(z.strictObject({ path: text, resolvedPath: z.nullable(text), sha256: fact(sha256Hex) }))
    .check(z.maxLength(64)),
});

/** What could not be looked at, and why. */
const unreadSchema = z.array(z.strictObject({ path: text, code: text, message: text })).check(z.maxLength(1024));

const unitsSchema = z.strictObject({
  found: z.array(unitStateSchema).check(z.maxLength(64)),
  /** What the loader puts into every program (/etc/ld.so.preload). */
  preload: z.array(text).check(z.maxLength(256)),
  /** Names of variables that every service is given (DefaultEnvironment= and ManagerEnvironment= in system.conf). */
  managerEnvironment: z.array(z.strictObject({ name: text, file: text })).check(z.maxLength(1024)),
  /** Programs of a node that lie where PATH may find them before those in /usr. */
  shadows: z.array(text).check(z.maxLength(64)),
  /** What of the units could not be looked at: no matter where they are not judged, which is before the merge. */
  unread: unreadSchema,
});

/** What Flatcar is told to enable, and what it made of that (bootengine, initrd-setup-root-after-ignition). */
const flatcarSchema = z.strictObject({
  /** With the link that the initrd makes for it, null where there is none. */
  enabled: z.array(z.strictObject({ name: text, file: text, link: z.nullable(text) })).check(z.maxLength(256)),
  disabled: z.array(text).check(z.maxLength(256)),
  activeOem: z.array(text).check(z.maxLength(64)),
  oemImages: z.array(text).check(z.maxLength(256)),
});

/** What the platform says of itself: told, and not judged. */
const platformSchema = z.strictObject({
  lockdown: fact(text),
  secureBoot: fact(text),
  imaMeasurements: fact(text),
  systemd: fact(text),
  /** Timers of systemd-sysupdate that are enabled, and transfers that take what nobody signed. */
  sysupdateTimers: z.array(text).check(z.maxLength(64)),
  unverifiedTransfers: z.array(text).check(z.maxLength(256)),
  /** The slots that update_engine writes to (priority, tries and success as GPT attributes), and which one runs. */
  slots: z
    .array(
      z.strictObject({
        label: text,
        number: count,
        priority: count,
        tries: count,
        successful: z.boolean(),
        running: z.boolean(),
      }),
    )
    .check(z.maxLength(16)),
  updatePending: z.nullable(z.boolean()),
  /** What of this could not be looked at, and why. */
  problems: z.array(text).check(z.maxLength(32)),
});

export const evidenceSchema = z.strictObject({
  type: z.literal(evidenceType),
  collectedAt: utcTime,
  /** True where the facts came from a directory instead of the running system: such evidence never joins. */
  simulated: z.boolean(),
  os: z.strictObject({ id: fact(text), versionId: fact(text), buildId: fact(text), architecture: fact(text) }),
  kernel: z.strictObject({ release: fact(text), commandLine: fact(z.string().check(z.maxLength(65_536))) }),
  /** The mount that /usr is without extensions, found by its place in the mount table and never by a name. */
  usr: z.strictObject({ mount: z.nullable(mountSchema), mapping: fact(mappedDeviceSchema) }),
  /** Every mount at or below what is signed, merged or judges: /usr, /opt, /etc, the extension directories, the verifier. */
  mounts: z.array(mountSchema).check(z.maxLength(limits.watchedMounts)),
  /** Whose mount table that is, and the paths which this run sees on another mount than the node does. */
  mountView: z.strictObject({ source: text, differences: z.array(text).check(z.maxLength(64)) }),
  loops: z.array(loopDeviceSchema).check(z.maxLength(limits.loopDevices)),
  /** All mapped devices. */
  mappings: z.array(mappedDeviceSchema).check(z.maxLength(limits.mappedDevices)),
  sysexts: extensionStateSchema,
  confexts: extensionStateSchema,
  units: unitsSchema,
  flatcar: flatcarSchema,
  platform: platformSchema,
  /** Each is a reason not to admit where the policy needs the fact. */
  unread: unreadSchema,
});

export type Evidence = z.output<typeof evidenceSchema>;
export type Mount = z.output<typeof mountSchema>;
export type MappedDevice = z.output<typeof mappedDeviceSchema>;
export type LoopDevice = z.output<typeof loopDeviceSchema>;
export type Extension = z.output<typeof extensionSchema>;
export type UnitState = z.output<typeof unitStateSchema>;
export type ExtensionState = z.output<typeof extensionStateSchema>;

/** Reads an evidence document. Faults: evidence.field, json.*. */
export function parseEvidence(bytes: Uint8Array): Evidence {
  return parseWith(evidenceSchema, parseJson(decodeUtf8(bytes, 'evidence'), 'evidence'), 'evidence.field', 'evidence');
}
