import { compareText, Fault, limits } from '../../core/index.ts';
import { type FileTree, readFile, resolvePlaced, type TreeNode } from '../file-tree/index.ts';
import { type ExtensionClass, type ExtensionRelease, parseExtensionRelease } from './extension-release.ts';

const directories = {
  sysext: '/usr/lib/extension-release.d',
  confext: '/etc/extension-release.d',
} satisfies Record<ExtensionClass, string>;

const prefix = 'extension-release.';

/** A regular file `extension-release.NAME` in its directory. */
export type PlacedExtensionRelease = { readonly name: string; readonly path: string; readonly node: TreeNode };

/** The extension-release file that systemd would read, and what it says. */
export type ExtensionReleaseFile = {
  /** The NAME in the file's name. */
  readonly name: string;
  readonly path: string;
  readonly release: ExtensionRelease;
  /** False where the file allows its image another name (xattr user.extension-release.strict=false). */
  readonly strict: boolean;
};

/**
 * The extension-release files of a tree, sorted by name; none where the tree is no extension of that class. Files whose
 * NAME systemd's image_name_is_valid() refuses are left out, as there.
 */
export function listExtensionReleases(
  tree: FileTree,
  extensionClass: ExtensionClass = 'sysext',
): readonly PlacedExtensionRelease[] {
  const directory = resolvePlaced(tree, directories[extensionClass]);
  if (directory?.node.kind !== 'directory') return [];
  return tree
    .list(directory.node)
    .filter((entry) => entry.node.kind === 'file' && entry.name.startsWith(prefix))
    .map((entry) => ({
      name: entry.name.slice(prefix.length),
      path: `${directory.path}/${entry.name}`,
      node: entry.node,
    }))
    .filter((file) => isImageName(file.name))
    .sort((a, b) => compareText(a.name, b.name));
}

/**
 * Reads the extension-release file of an image as open_extension_release() of systemd 254 to 260 finds it: the file named
 * after the image, else the only one that is named after the image without its version (`_` or `+` and what follows) or
 * that gives up strict names by an xattr. Where the image's name is not known yet, it must be the only one.
 *
 * Faults: extension-release.image-name, extension-release.missing, extension-release.name, extension-release.ambiguous,
 * those of the parser and of the tree.
 */
export function readExtensionRelease(
  tree: FileTree,
  imageName?: string,
  extensionClass: ExtensionClass = 'sysext',
): ExtensionReleaseFile {
  const file =
    imageName === undefined
      ? onlyFile(tree, extensionClass)
      : (exactFile(tree, imageName, extensionClass) ?? relaxedFile(tree, imageName, extensionClass));
  return {
    name: file.name,
    path: file.path,
    release: parseExtensionRelease(readFile(tree, file.node, limits.releaseFileBytes, file.path)),
    strict: !givesUpStrictNames(tree, file.node),
  };
}

function onlyFile(tree: FileTree, extensionClass: ExtensionClass): PlacedExtensionRelease {
  const [file, ...others] = listExtensionReleases(tree, extensionClass);
  if (file === undefined) throw missing(extensionClass);
  if (others.length > 0) throw ambiguous([file, ...others], extensionClass);
  return file;
}

function exactFile(
  tree: FileTree,
  imageName: string,
  extensionClass: ExtensionClass,
): PlacedExtensionRelease | undefined {
  if (!isImageName(imageName))
    throw new Fault(
      'extension-release.image-name',
      `Cannot look for an extension-release file: ${JSON.stringify(imageName.slice(0, 80))} cannot be an image's name`,
    );
  // Unlike the fallback this one is chased: a symbolic link may lead to it.
  const placed = resolvePlaced(tree, `${directories[extensionClass]}/${prefix}${imageName}`);
  return placed === undefined ? undefined : { name: imageName, ...placed };
}

function relaxedFile(tree: FileTree, imageName: string, extensionClass: ExtensionClass): PlacedExtensionRelease {
  const all = listExtensionReleases(tree, extensionClass);
  if (all.length === 0) throw missing(extensionClass);
  const baseName = imageName.replace(/(\.(sys|conf)ext)?\.raw$/, '').replace(/[_+].*$/s, '');
  const [file, ...others] = !isImageName(baseName)
    ? []
    : all.filter((file) => file.name === baseName || givesUpStrictNames(tree, file.node));
  if (others.length > 0) throw ambiguous(all, extensionClass);
  if (file !== undefined) return file;
  throw new Fault(
    'extension-release.name',
    `Cannot take the image as extension ${imageName}: it has ${names(all)}, want ${prefix}${imageName}`,
    {
      where: directories[extensionClass],
      next: `Name the image ${all.map((file) => `${file.name}.raw`).join(' or ')}, or rename the file in it`,
    },
  );
}

/** parse_boolean() of the xattr user.extension-release.strict: absent or not a boolean means strict. */
function givesUpStrictNames(tree: FileTree, node: TreeNode): boolean {
  const value = tree.xattrs(node).get('user.extension-release.strict');
  if (value === undefined || value.byteLength > 16) return false;
  const text = Buffer.from(value).toString('latin1');
  const word = text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text;
  return /^(0|no|n|false|f|off)$/i.test(word);
}

/** image_name_is_valid(): a file name of valid UTF-8 without control characters that is not a temporary file's. */
function isImageName(name: string): boolean {
  const sizeBytes = Buffer.byteLength(name);
  return (
    sizeBytes > 0 &&
    sizeBytes <= 255 &&
    name !== '.' &&
    name !== '..' &&
    !name.startsWith('.#') &&
    name.isWellFormed() &&
    // eslint-disable-next-line no-control-regex
    !/[\0-\x1f\x7f/]/.test(name)
  );
}

function names(files: readonly PlacedExtensionRelease[]): string {
  return files.map((file) => JSON.stringify(prefix + file.name).slice(1, -1)).join(', ');
}

function missing(extensionClass: ExtensionClass): Fault {
  return new Fault(
    'extension-release.missing',
    `Cannot read the extension-release file: there is none, want one in ${directories[extensionClass]}`,
    { where: directories[extensionClass], next: `Check that the image is a ${extensionClass} at all` },
  );
}

function ambiguous(files: readonly PlacedExtensionRelease[], extensionClass: ExtensionClass): Fault {
  return new Fault(
    'extension-release.ambiguous',
    `Cannot tell which extension-release file counts: there are ${names(files.slice(0, 8))}`,
    { where: directories[extensionClass], next: 'Say the name under which the image is merged' },
  );
}
