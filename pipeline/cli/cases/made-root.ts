import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../core/index.ts';
import type { Case } from './case-file.ts';
import type { ImageShelf } from './image-shelf.ts';

/** Makes the root of a case's node in an empty directory: the honest node, then what is different. Faults: config.case, file.*. */
export function makeRoot(one: Case, top: string, shelf: ImageShelf): void {
  const root = new MadeRoot(top, undefined);
  makeBase(one.base, root, shelf);
  makeDifferent(one, root, shelf);
}

/** One root for all cases of a base: what a case changes is undone after it, which is less work than a root for each. */
export type SharedRoot = {
  readonly top: string;
  /** Makes the root of a case. Faults: config.case, file.*. */
  readonly change: (one: Case) => void;
  /** Makes it the honest node's again. */
  readonly restore: () => void;
};

/** @param place an empty directory */
export function openSharedRoot(base: Case['base'], place: string, shelf: ImageShelf): SharedRoot {
  const top = join(place, 'root');
  const attic = join(place, 'attic');
  mkdirSync(top);
  mkdirSync(attic);
  makeBase(base, new MadeRoot(top, undefined), shelf);
  let changed: MadeRoot | undefined;
  return {
    top,
    change: (one) => {
      changed = new MadeRoot(top, attic);
      makeDifferent(one, changed, shelf);
    },
    restore: () => changed?.undo(),
  };
}

function makeBase(base: Case['base'], root: MadeRoot, shelf: ImageShelf): void {
  if (base.root !== undefined) copyTree(base.root, root, '');
  placeImages(base.images, root, shelf);
  placeLinks(base.links, root);
}

function makeDifferent({ file, directory }: Case, root: MadeRoot, shelf: ImageShelf): void {
  for (const path of file.remove) root.remove(path);
  const overlay = join(directory, 'root');
  if (existsSync(overlay)) copyTree(overlay, root, '');
  placeImages(file.images, root, shelf);
  placeLinks(file.links, root);
  for (const [path, text] of Object.entries(file.files)) root.place(path, (place) => writeNew(place, text));
  for (const [path, text] of Object.entries(file.append)) root.change(path, (before) => before + text);
  for (const { file: path, pattern, with: text } of file.replace)
    root.change(path, (before) => replaceText(path, before, pattern, text));
}

/** A directory that is filled by paths of the node. Links in it are never followed: one could lead out of it. */
class MadeRoot {
  readonly #top: string;
  /** Where what is replaced is kept until `undo`; without it, it is removed. */
  readonly #attic: string | undefined;
  /** Directories that were made or looked at: no need to look again. */
  readonly #directories = new Set<string>(['']);
  readonly #undo: (() => void)[] = [];

  constructor(top: string, attic: string | undefined) {
    this.#top = top;
    this.#attic = attic;
  }

  /** Makes a file or link where `make` is told; what was there is taken away first. */
  place(path: string, make: (place: string) => void): void {
    const place = this.#placeOf(path);
    this.#clear(place);
    make(place);
  }

  remove(path: string): void {
    const place = this.#placeOf(path);
    if (!this.#clear(place)) throw missing(path, 'remove');
  }

  /** Changes a text. Images are hard links to what other cases use, too: a new file takes the place of the old one. */
  change(path: string, edit: (before: string) => string): void {
    const place = this.#placeOf(path);
    if (lstatSync(place, { throwIfNoEntry: false })?.isFile() !== true) throw missing(path, 'change');
    const after = edit(readFileSync(place, 'utf8'));
    this.#clear(place);
    writeNew(place, after);
  }

  makeDirectory(path: string): void {
    if (this.#directories.has(path)) return;
    this.makeDirectory(parentOf(path));
    const place = this.#top + path;
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats === undefined) {
      mkdirSync(place);
      this.#undo.push(() => rmSync(place, { recursive: true, force: true }));
    } else if (!stats.isDirectory()) {
      throw new Fault('config.case', `Cannot place a file below ${path}: it is no directory`, { where: path });
    }
    this.#directories.add(path);
  }

  /** Last change first, so that each finds what it left. */
  undo(): void {
    for (const step of this.#undo.splice(0).reverse()) step();
  }

  #placeOf(path: string): string {
    this.makeDirectory(parentOf(path));
    return this.#top + path;
  }

  /** Takes away what is at a place; false where nothing is. */
  #clear(place: string): boolean {
    const stats = lstatSync(place, { throwIfNoEntry: false });
    const attic = this.#attic;
    if (stats === undefined) {
      if (attic !== undefined) this.#undo.push(() => rmSync(place, { recursive: true, force: true }));
      return false;
    }
    if (attic === undefined) {
      rmSync(place, { recursive: true });
    } else {
      const kept = join(attic, String(this.#undo.length));
      renameSync(place, kept);
      this.#undo.push(() => {
        rmSync(place, { recursive: true, force: true });
        renameSync(kept, place);
      });
    }
    if (stats.isDirectory()) {
      this.#directories.clear();
      this.#directories.add('');
    }
    return true;
  }
}

function copyTree(from: string, root: MadeRoot, directory: string): void {
  for (const entry of readdirSync(join(from, directory), { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) copyTree(from, root, path);
    else if (entry.isSymbolicLink()) root.place(path, (place) => symlinkSync(readlinkSync(join(from, path)), place));
    else root.place(path, (place) => writeNew(place, readFileSync(join(from, path))));
  }
}

function placeImages(images: Case['base']['images'], root: MadeRoot, shelf: ImageShelf): void {
  for (const [path, spec] of Object.entries(images)) {
    const image = shelf.unpack(spec);
    root.place(path, (place) => linkOrCopy(image, place));
  }
}

/** A copy where the images are on another file system, or on one without links. */
function linkOrCopy(image: string, place: string): void {
  try {
    linkSync(image, place);
  } catch {
    copyFileSync(image, place);
  }
}

function placeLinks(links: Readonly<Record<string, string>>, root: MadeRoot): void {
  for (const [path, target] of Object.entries(links)) root.place(path, (place) => symlinkSync(target, place));
}

function writeNew(place: string, content: string | Uint8Array): void {
  writeFileSync(place, content, { flag: 'wx' });
}

function replaceText(path: string, before: string, pattern: string, text: string): string {
  const expression = new RegExp(pattern, 'gm');
  if (!expression.test(before))
    throw new Fault('config.case', `Cannot replace ${JSON.stringify(pattern)} in ${path}: it matches nothing there`, {
      where: path,
    });
  return before.replaceAll(expression, text);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function missing(path: string, verb: string): Fault {
  return new Fault('config.case', `Cannot ${verb} ${path}: the node has no such file`, { where: path });
}
