import { compareText, Fault, limits } from '../core/index.ts';
import { type FileTree, resolvePlaced, type TreeNode } from '../formats/file-tree/index.ts';
import type { OpenedNodeImage } from './node-image.ts';

/**
 * What becomes of an extension inside a node image when a node boots it: `merged`; `masked` by a link to /dev/null;
 * `hidden` behind another of its name; `oem`: linked at boot, on the machines of that OEM only (Flatcar,
 * initrd-setup-root-after-ignition).
 */
export type NestedState = 'merged' | 'masked' | 'hidden' | 'oem';

export type NestedFile = {
  /** The name under which it is merged: that of its first name in the search order. */
  readonly name: string;
  readonly state: NestedState;
  /** On the node: `/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw`. */
  readonly path: string;
  readonly tree: FileTree;
  readonly node: TreeNode;
};

export type NestedPlaces = {
  readonly files: readonly NestedFile[];
  /** Extensions that are directories: systemd merges them, and nothing in them has a digest that could be attested. */
  readonly directories: readonly string[];
};

type Volume = 'usr' | 'root' | 'oem';
type SearchDirectory = { readonly volume: Volume; readonly path: string };

/**
 * Where systemd-sysext and systemd-confext look, the first one that has a name wins (systemd 257, extension_search_dirs).
 * On Flatcar /etc is an overlay over /usr/share/flatcar/etc, whose links lead to /usr/share/flatcar/sysext.
 */
const searchOrder: readonly (readonly SearchDirectory[])[] = [
  [
    { volume: 'root', path: '/etc/extensions' },
    { volume: 'usr', path: '/usr/share/flatcar/etc/extensions' },
    { volume: 'root', path: '/var/lib/extensions' },
    { volume: 'usr', path: '/usr/local/lib/extensions' },
    { volume: 'usr', path: '/usr/lib/extensions' },
    { volume: 'usr', path: '/usr/share/flatcar/sysext' },
    { volume: 'oem', path: '/oem/sysext' },
  ],
  [
    { volume: 'root', path: '/var/lib/confexts' },
    { volume: 'usr', path: '/usr/local/lib/confexts' },
    { volume: 'usr', path: '/usr/lib/confexts' },
  ],
];

/** Finds the extensions inside a node image and what becomes of each. Faults: limit.nested-images, those of the file systems. */
export function findNestedFiles(image: OpenedNodeImage): NestedPlaces {
  const found = searchOrder.map((directories) => searchDirectories(image, directories));
  const files = found.flatMap((places) => places.files);
  const sizeBytes = files.reduce((sum, file) => sum + file.node.sizeBytes, 0);
  if (files.length > limits.nestedImages || sizeBytes > limits.nestedImagesBytes)
    throw new Fault(
      'limit.nested-images',
      `Cannot read the extensions inside the image: ${files.length} of ${sizeBytes} bytes in all, want at most ${limits.nestedImages} of ${limits.nestedImagesBytes} bytes`,
    );
  return { files, directories: found.flatMap((places) => places.directories) };
}

function searchDirectories(image: OpenedNodeImage, searched: readonly SearchDirectory[]): NestedPlaces {
  const files: NestedFile[] = [];
  const directories: string[] = [];
  const taken = new Map<string, 'masked' | 'merged'>();
  for (const directory of searched) {
    for (const entry of listDirectory(image, directory)) {
      const earlier = taken.get(entry.name);
      if (entry.kind === 'mask') taken.set(entry.name, earlier ?? 'masked');
      else if (entry.kind === 'directory') {
        directories.push(entry.path);
        taken.set(entry.name, earlier ?? 'merged');
      } else if (!files.some((file) => file.tree === entry.tree && file.node.id === entry.node.id)) {
        const isOem = directory.volume === 'oem';
        const state = earlier === undefined ? (isOem ? 'oem' : 'merged') : earlier === 'masked' ? 'masked' : 'hidden';
        files.push({ name: entry.name, state, path: entry.path, tree: entry.tree, node: entry.node });
        if (!isOem) taken.set(entry.name, earlier ?? 'merged');
      }
    }
  }
  return { files, directories };
}

type Located = { readonly tree: FileTree; readonly node: TreeNode; readonly path: string };
type Entry = { readonly name: string; readonly path: string } & (
  | { readonly kind: 'mask' }
  | { readonly kind: 'directory' }
  | ({ readonly kind: 'file' } & Located)
);

/** The extensions that one directory names, by name: images, directories, and masks. */
function listDirectory(image: OpenedNodeImage, { volume, path }: SearchDirectory): readonly Entry[] {
  const directory = locate(image, path, volume);
  if (directory?.node.kind !== 'directory') return [];
  const { tree } = directory;
  return tree
    .list(directory.node)
    .flatMap(({ name, node }): readonly Entry[] => {
      const place = `${path}/${name}`;
      if (node.kind === 'symlink' && tree.target(node) === '/dev/null')
        return [{ kind: 'mask', name: withoutSuffix(name), path: place }];
      const target = locate(image, place, volume);
      if (target?.node.kind === 'file' && name.endsWith('.raw'))
        return [{ kind: 'file', name: withoutSuffix(name), ...target }];
      if (target?.node.kind !== 'directory') return [];
      // An empty directory masks (systemd, image-discovery).
      return [{ kind: target.tree.list(target.node).length === 0 ? 'mask' : 'directory', name, path: target.path }];
    })
    .sort((a, b) => compareText(a.name, b.name));
}

function withoutSuffix(name: string): string {
  return name.endsWith('.raw') ? name.slice(0, -'.raw'.length) : name;
}

/** Links from one volume into another that are followed for one name. */
const crossings = 8;

/** What stands at a path of the node, whose volumes are mounted at /usr, /oem and /. Undefined where nothing is. */
function locate(image: OpenedNodeImage, path: string, volume: Volume, left = crossings): Located | undefined {
  const { tree, mount } = openVolume(image, volume);
  if (tree === null || left === 0) return undefined;
  const inner = path.slice(mount.length);
  const found = resolvePlaced(tree, inner, { followLast: false });
  if (found === undefined) return undefined;
  if (found.node.kind !== 'symlink') return { tree, node: found.node, path: `${mount}${found.path}` };
  const target = tree.target(found.node);
  if (target.startsWith('/')) return locate(image, target, volumeOf(target), left - 1);
  const followed = resolvePlaced(tree, inner);
  return followed === undefined ? undefined : { tree, node: followed.node, path: `${mount}${followed.path}` };
}

/** The tree of /usr is placed below `/usr` already; those of the others begin at their roots. */
function openVolume(
  image: OpenedNodeImage,
  volume: Volume,
): { readonly tree: FileTree | null; readonly mount: string } {
  if (volume === 'usr') return { tree: image.usr.tree, mount: '' };
  return volume === 'oem' ? { tree: image.oem, mount: '/oem' } : { tree: image.root, mount: '' };
}

function volumeOf(path: string): Volume {
  if (path.startsWith('/usr/')) return 'usr';
  return path.startsWith('/oem/') ? 'oem' : 'root';
}
