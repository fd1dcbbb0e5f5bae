import { decodeUtf8, Fault, limits, type Source } from '../core/index.ts';
import { type FileTree, readFile, resolvePlaced, type TreeNode } from '../formats/file-tree/index.ts';
import { isWithin } from '../evidence/index.ts';
import { openTreeFile } from '../image/index.ts';
import type { NodeWorld, PlacedFile } from './world.ts';

/** Links that the next boot makes, by their paths; null for a name that is gone then. */
export type NextLinks = ReadonlyMap<string, string | null>;

/**
 * The files of a node as the next boot will have them: /usr is the one of the next slot, some links are others, what lies in
 * /run is gone, and the rest is as it is now. A path is followed from one to the other name by name, as the kernel would.
 *
 * @param usr the tree of the next /usr, placed at /usr
 */
export function openNextWorld(world: NodeWorld, usr: FileTree, links: NextLinks): NodeWorld {
  const files = new NextFiles(world, usr, links);
  return {
    ...world,
    readText: (path, maxBytes) => files.readText(path, maxBytes),
    listNames: (path) => files.listNames(path),
    readLink: (path) => files.readLink(path),
    place: (path) => files.place(path),
    openSource: (path) => files.openSource(path),
  };
}

/** Where a path leads: a file of the next /usr, or a place of the node as it is. */
type Found = { readonly path: string; readonly node: TreeNode | null };

class NextFiles {
  readonly #world: NodeWorld;
  readonly #usr: FileTree;
  readonly #links: NextLinks;

  constructor(world: NodeWorld, usr: FileTree, links: NextLinks) {
    this.#world = world;
    this.#usr = usr;
    this.#links = links;
  }

  readText(path: string, maxBytes: number): string | undefined {
    const found = this.#find(path);
    if (found === undefined) return undefined;
    if (found.node === null) return this.#world.readText(found.path, maxBytes);
    return decodeUtf8(readFile(this.#usr, found.node, maxBytes, found.path), found.path);
  }

  listNames(path: string): readonly string[] | undefined {
    const found = this.#find(path);
    if (found === undefined) return undefined;
    if (found.node === null) return this.#listChanged(found.path);
    if (found.node.kind !== 'directory') return undefined;
    return this.#usr
      .list(found.node)
      .map(({ name }) => name)
      .sort();
  }

  readLink(path: string): string | undefined {
    const cut = path.lastIndexOf('/');
    const parent = this.#follow(path.slice(0, cut));
    return parent === undefined ? undefined : this.#linkAt(`${parent === '/' ? '' : parent}/${path.slice(cut + 1)}`);
  }

  place(path: string): PlacedFile | undefined {
    const found = this.#find(path);
    if (found === undefined) return undefined;
    return found.node === null ? this.#world.place(found.path) : placeNode(found.path, found.node);
  }

  openSource(path: string): Source & Disposable {
    const found = this.#find(path);
    if (found === undefined) throw new Fault('file.missing', `Cannot open ${path}: no such file`, { where: path });
    if (found.node === null) return this.#world.openSource(found.path);
    const source = openTreeFile({ tree: this.#usr, node: found.node, path: found.path });
    return { ...source, [Symbol.dispose]: () => undefined };
  }

  #find(path: string): Found | undefined {
    const place = this.#follow(path);
    if (place === undefined || isWithin(place, '/run')) return undefined;
    if (!isWithin(place, '/usr')) return { path: place, node: null };
    const found = resolvePlaced(this.#usr, place, { followLast: false });
    return found === undefined ? undefined : { path: place, node: found.node };
  }

  /** The path without links; undefined where they lead in circles, or to a name that is gone. */
  #follow(path: string): string | undefined {
    const pending = path.split('/');
    let place = '';
    let links = 0;
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        place = place.slice(0, Math.max(0, place.lastIndexOf('/')));
        continue;
      }
      const here = `${place}/${name}`;
      if (this.#links.get(here) === null) return undefined;
      const target = this.#linkAt(here);
      if (target === undefined) {
        place = here;
        continue;
      }
      if (++links > limits.symlinks || target.length > limits.pathBytes) return undefined;
      if (target.startsWith('/')) place = '';
      pending.unshift(...target.split('/'));
    }
    return place === '' ? '/' : place;
  }

  /** @param place without links before its last name */
  #linkAt(place: string): string | undefined {
    const made = this.#links.get(place);
    if (made !== undefined) return made ?? undefined;
    if (!isWithin(place, '/usr')) return this.#world.readLink(place);
    const found = resolvePlaced(this.#usr, place, { followLast: false });
    return found?.node.kind === 'symlink' ? this.#usr.target(found.node) : undefined;
  }

  #listChanged(directory: string): readonly string[] | undefined {
    const names = new Set(this.#world.listNames(directory));
    const changed = [...this.#links].filter(([path]) => path.slice(0, path.lastIndexOf('/')) === directory);
    for (const [path, target] of changed) {
      const name = path.slice(directory.length + 1);
      if (target === null) names.delete(name);
      else names.add(name);
    }
    return names.size === 0 && this.#world.listNames(directory) === undefined ? undefined : [...names].sort();
  }
}

const kinds: Readonly<Record<TreeNode['kind'], PlacedFile['kind']>> = {
  file: 'file',
  directory: 'directory',
  'character-device': 'character-device',
  'block-device': 'block-device',
  symlink: 'other',
  fifo: 'other',
  socket: 'other',
};

/** A file that is on no mounted file system has no device number. */
function placeNode(path: string, { kind, id, sizeBytes, mode, uid }: TreeNode): PlacedFile {
  return { path, kind: kinds[kind], inode: id, device: '0:0', sizeBytes, mode, uid };
}
