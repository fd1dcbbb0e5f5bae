import { chmodSync, lstatSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Digest, Fault } from '../../core/index.ts';
import { actBy } from './command.ts';
import { lookUp } from './system-call.ts';
import { reloadUnits } from './unit-control.ts';

/** What a mask is mounted as: the evidence of the node tells it by this name. */
export const maskSource = 'nodeproof-guard';

const masks = '/run/nodeproof/masks';

/**
 * Hides entries of a search directory for this boot: an overlay with links to /dev/null in their place, over a directory
 * in which nothing is moved or removed. systemd takes such a link for no extension; of the same name in an earlier search
 * directory a link would hide nothing (image_discover() in src/shared/discover-image.c).
 * Faults: unavailable.mask, file.command.
 */
export function maskEntries(directory: string, names: readonly string[]): void {
  const place = realpathSync(directory);
  // A mount inside /usr would have to be carried along by every merge over it.
  if (/^\/(?:usr|opt)(?:\/|$)/.test(place))
    throw new Fault('unavailable.mask', `Cannot mask ${names.join(', ')}: ${place} lies in what a merge covers`, {
      where: directory,
      next: `Remove ${names[0] ?? 'it'}, or attest a node set with it`,
    });
  if (/[,:\\]/.test(place))
    throw new Fault('unavailable.mask', `Cannot mask ${names.join(', ')}: ${place} cannot be named in a mount option`, {
      where: directory,
      next: 'Let the search directory be no link to there',
    });
  const upper = join(masks, Digest.of('sha256', Buffer.from(place)).hex.slice(0, 32));
  mkdirSync(upper, { recursive: true });
  chmodSync(upper, statSync(place).mode & 0o7777);
  for (const name of names.filter((one) => !existsLink(join(upper, one)))) symlinkSync('/dev/null', join(upper, name));
  // An overlay may stand on one other at most, and Flatcar's /etc is one: what was masked before is masked anew with it.
  if (isMasked(place)) actBy('umount', [place]);
  actBy('mount', ['-t', 'overlay', '-o', `ro,lowerdir=${upper}:${place}`, maskSource, place]);
}

function existsLink(path: string): boolean {
  return lookUp(path, () => lstatSync(path)) !== undefined;
}

/** proc_pid_mountinfo(5): the mount point is the fifth word, the source the second behind the dash. */
function isMasked(place: string): boolean {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const point = Buffer.from(place).toString('latin1').replaceAll(' ', '\\040');
  return lines.some((line) => line.split(' ')[4] === point && line.includes(` - overlay ${maskSource} `));
}

/** Takes the merged extensions away, and has systemd forget the units that came with them. Fault: file.command. */
export function unmergeExtensions(extensionClass: 'sysext' | 'confext'): void {
  actBy(`systemd-${extensionClass}`, ['unmerge']);
  reloadUnits();
}
