import { mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../core/index.ts';
import { actBy } from './command.ts';
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
  mkdirSync(masks, { recursive: true, mode: 0o755 });
  const upper = mkdtempSync(join(masks, 'entries-'));
  for (const name of names) symlinkSync('/dev/null', join(upper, name));
  actBy('mount', ['-t', 'overlay', '-o', `ro,lowerdir=${upper}:${place}`, maskSource, place]);
}

/** Takes the merged extensions away, and has systemd forget the units that came with them. Fault: file.command. */
export function unmergeExtensions(extensionClass: 'sysext' | 'confext'): void {
  actBy(`systemd-${extensionClass}`, ['unmerge']);
  reloadUnits();
}
