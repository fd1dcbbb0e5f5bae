import {
  appendFileSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../../core/index.ts';
import type { Case } from './case-file.ts';
import type { ImageShelf } from './image-shelf.ts';

/** Makes the root of a case's node in an empty directory: the honest node, then what is different. Faults: config.case, file.*. */
export function makeRoot({ base, file, directory }: Case, root: string, shelf: ImageShelf): void {
  if (base.root !== undefined) copyTree(base.root, root, '');
  placeImages(base.images, root, shelf);
  placeLinks(base.links, root);
  for (const path of file.remove) removeFile(root, path);
  const overlay = join(directory, 'root');
  if (existsSync(overlay)) copyTree(overlay, root, '');
  placeImages(file.images, root, shelf);
  placeLinks(file.links, root);
  for (const [path, text] of Object.entries(file.files)) writeFileSync(freePlace(root, path), text);
  for (const [path, text] of Object.entries(file.append)) appendFileSync(existingFile(root, path), text);
  for (const { file: path, pattern, with: text } of file.replace) replaceText(existingFile(root, path), pattern, text);
}

function copyTree(from: string, root: string, place: string): void {
  for (const entry of readdirSync(join(from, place), { withFileTypes: true })) {
    const path = `${place}/${entry.name}`;
    if (entry.isDirectory()) {
      mkdirSync(join(safeParent(root, path), entry.name), { recursive: true });
      copyTree(from, root, path);
    } else if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(join(from, path)), freePlace(root, path));
    } else {
      copyFileSync(join(from, path), freePlace(root, path));
    }
  }
}

function placeImages(images: Case['base']['images'], root: string, shelf: ImageShelf): void {
  for (const [path, spec] of Object.entries(images)) {
    const image = shelf.unpack(spec);
    const place = freePlace(root, path);
    try {
      linkSync(image, place);
    } catch {
      // Another file system, or one without links.
      copyFileSync(image, place);
    }
  }
}

function placeLinks(links: Readonly<Record<string, string>>, root: string): void {
  for (const [path, target] of Object.entries(links)) symlinkSync(target, freePlace(root, path));
}

function removeFile(root: string, path: string): void {
  const place = join(safeParent(root, path), lastName(path));
  if (lstatSync(place, { throwIfNoEntry: false }) === undefined) throw missing(path, 'remove');
  rmSync(place, { recursive: true });
}

/** Where a new file goes; what was there is taken away first, so that nothing is written through a link. */
function freePlace(root: string, path: string): string {
  const place = join(safeParent(root, path), lastName(path));
  rmSync(place, { recursive: true, force: true });
  return place;
}

/** A file to change. Images are links to what other cases use too: they are replaced, never written to. */
function existingFile(root: string, path: string): string {
  const place = join(safeParent(root, path), lastName(path));
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.nlink > 1) throw missing(path, 'change');
  return place;
}

/** The directory of a path inside the root, made where it is not there. A link on the way could lead out of the root. */
function safeParent(root: string, path: string): string {
  let place = root;
  for (const name of dirname(path).split('/').filter(Boolean)) {
    place = join(place, name);
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(place);
    else if (!stats.isDirectory())
      throw new Fault('config.case', `Cannot place ${path}: ${place.slice(root.length)} is no directory`, {
        where: path,
      });
  }
  return place;
}

function replaceText(place: string, pattern: string, text: string): void {
  const before = readFileSync(place, 'utf8');
  const expression = new RegExp(pattern, 'gm');
  if (!expression.test(before))
    throw new Fault('config.case', `Cannot replace ${JSON.stringify(pattern)}: it matches nothing in the file`, {
      where: place,
    });
  writeFileSync(place, before.replaceAll(expression, text));
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function missing(path: string, verb: string): Fault {
  return new Fault('config.case', `Cannot ${verb} ${path}: the node has no such file`, { where: path });
}
