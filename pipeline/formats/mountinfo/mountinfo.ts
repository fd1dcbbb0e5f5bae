import { isUtf8 } from 'node:buffer';
import { Fault, limits } from '../../core/index.ts';

/**
 * One line of /proc/PID/mountinfo, proc_pid_mountinfo(5). Where a line is not UTF-8 each byte above 127 stands as the lone
 * surrogate U+DC00+byte: such a text is not well-formed, and never the same as one that is.
 */
export type MountLine = {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` of the file system's device; btrfs has an anonymous one, whose major is 0. */
  readonly device: string;
  /** What directory of the file system is mounted: other than `/` for a bind mount or a subvolume. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  readonly fileSystem: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};

/**
 * Parses mountinfo, in mount order: a later line of one mount point lies over an earlier one. Names of directories are any
 * bytes, and whoever may run a container may choose some: one line that is no text makes no other unreadable.
 * Faults: mountinfo.line, limit.mounts.
 */
export function parseMountinfo(bytes: Uint8Array): readonly MountLine[] {
  // The last line ends, too. No more is split off than tells that there is too much.
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .split('\n', limits.mounts + 2);
  if (lines.length > limits.mounts + 1)
    throw new Fault('limit.mounts', `Cannot read mountinfo: more than ${limits.mounts} lines`);
  return lines.flatMap((line, at) => (line === '' ? [] : [parseLine(decodeLine(line), at + 1)]));
}

/** @param line a character for each byte */
function decodeLine(line: string): string {
  if (!/[\u0080-\u00ff]/.test(line)) return line;
  const bytes = Buffer.from(line, 'latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return line.replaceAll(/[\u0080-\u00ff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: optional fields end at the dash. */
function parseLine(line: string, number: number): MountLine {
  const words = line.split(' ');
  const dash = words.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = words;
  const [fileSystem, source, superOptions] = dash < 0 ? [] : words.slice(dash + 1);
  const isWhole =
    /^\d{1,10}$/.test(id ?? '') && /^\d{1,10}$/.test(parentId ?? '') && /^\d{1,10}:\d{1,10}$/.test(device ?? '');
  if (
    !isWhole ||
    root === undefined ||
    mountPoint === undefined ||
    options === undefined ||
    fileSystem === undefined ||
    source === undefined ||
    superOptions === undefined
  ) {
    throw new Fault(
      'mountinfo.line',
      `Cannot read mountinfo: line ${number} is ${JSON.stringify(line.slice(0, 120))}`,
      { where: `line ${number}` },
    );
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device: device ?? '',
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    fileSystem,
    source: unescapeOctal(source),
    superOptions: splitOptions(superOptions).map(unescapeOctal),
  };
}

/** A comma inside a value is escaped with a backslash by overlayfs. */
function splitOptions(text: string): readonly string[] {
  return text.includes('\\') ? text.split(/(?<!\\),/) : text.split(',');
}

/** Blank, tab, line feed, backslash and hash are written as three octal digits. */
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
