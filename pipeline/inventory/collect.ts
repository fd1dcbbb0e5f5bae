import { type Digest, Fault, limits, type Source } from '../core/index.ts';
import {
  architectureOf,
  type ElfFile,
  elfHeaderBytes,
  elfMagic,
  foretellElfRanges,
  parseElfHeader,
  readElf,
} from '../formats/elf/index.ts';
import { type FileTree, type PlacedEntry, walk } from '../formats/file-tree/index.ts';
import type { CatalogedFile } from './cataloger.ts';
import { elfCatalogers, pathCatalogers, wholeFileCatalogers } from './catalogers/index.ts';
import { compareText, type Component, mergeComponents } from './component.ts';
import { readablePath } from './readable-path.ts';
import { readTreeFile } from './tree-file.ts';

/** A regular file, with everything that tells one file from another. */
export type InventoryFile = {
  /** As on a node. */
  readonly path: string;
  /** Permission bits: 0 to 0o7777. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  /** Of an executable or shared ELF file: systemd's word for its architecture. */
  readonly architecture: string | null;
};

/** A file that a cataloger selected and could not read: what is in it is not known. */
type UnreadFile = {
  readonly path: string;
  readonly cataloger: string;
  readonly code: string;
  readonly message: string;
};

export type Inventory = {
  /** Every regular file, sorted by path. */
  readonly files: readonly InventoryFile[];
  readonly components: readonly Component[];
  readonly unread: readonly UnreadFile[];
};

type InventoryOptions = {
  /** Where the tree's root stands on a node: `/usr` for a USR partition, empty for a root or a sysext. */
  readonly mount: '' | '/usr';
  /** Components known from elsewhere, such as the kernel in the EFI partition. */
  readonly known?: readonly Component[];
};

/**
 * Collects what is in a file tree: the digest of every regular file, and components with the places where they were
 * read. Each file is read once. Faults: those of the tree, limit.components, limit.cataloged-files, limit.tree-content; what
 * single files hold is reported as unread instead.
 */
export function collectInventory(tree: FileTree, { mount, known = [] }: InventoryOptions): Inventory {
  const files: InventoryFile[] = [];
  const components: Component[] = [...known];
  const unread: UnreadFile[] = [];
  /** Hard links are read once. */
  const seen = new Map<number, FileFindings>();
  let cataloged = 0;
  let contentBytes = 0;
  for (const placed of walk(tree, tree.root, mount)) {
    const entry = { ...placed, path: readablePath(placed.path) };
    const { kind, id, mode, sizeBytes } = entry.node;
    if (kind === 'directory') components.push(...catalogPath(entry.path, null));
    if (kind !== 'file') continue;
    if (wholeFileCatalogers.some(({ selects }) => selects(entry.path))) cataloged++;
    const earlier = seen.get(id);
    if (earlier === undefined) checkLimit('bytes of content', (contentBytes += sizeBytes), limits.treeContentBytes);
    const findings = earlier ?? examineFile(tree, entry);
    seen.set(id, findings);
    files.push({
      path: entry.path,
      mode,
      sizeBytes,
      sha256: findings.sha256,
      architecture: findings.architecture,
    });
    components.push(...catalogPath(entry.path, findings.sha256), ...movedTo(entry.path, findings));
    unread.push(...findings.unread.map((one) => ({ ...one, path: entry.path })));
    checkLimit('cataloged files', cataloged, limits.catalogedFiles);
    checkLimit('components', components.length, limits.components);
  }
  return Object.freeze({
    files: files.sort((a, b) => compareText(a.path, b.path)),
    components: mergeComponents(components),
    unread: unread.sort((a, b) => compareText(a.path, b.path)),
  });
}

const limitCodes = {
  components: 'limit.components',
  'cataloged files': 'limit.cataloged-files',
  'bytes of content': 'limit.tree-content',
} as const;

/** A tree may be made to keep us busy: what costs little for one file has an end for all. */
function checkLimit(what: keyof typeof limitCodes, count: number, most: number): void {
  if (count > most) throw new Fault(limitCodes[what], `Cannot collect the inventory: more than ${most} ${what}`);
}

/** What one file's content tells; a function of the tree and the entry alone. */
type FileFindings = {
  readonly path: string;
  readonly sha256: Digest;
  readonly architecture: string | null;
  readonly components: readonly Component[];
  readonly unread: readonly UnreadFile[];
};

/** Reads one regular file and asks the catalogers about it. Faults: those of the tree. */
function examineFile(tree: FileTree, { node, path }: Pick<PlacedEntry, 'node' | 'path'>): FileFindings {
  const interested = wholeFileCatalogers.filter(({ selects }) => selects(path));
  const readable = interested.filter(({ maxBytes }) => node.sizeBytes <= maxBytes);
  let isElf = false;
  const { sha256, source } = readTreeFile(tree, node, path, (head) => {
    isElf = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, elfMagic.length)).equals(elfMagic);
    if (readable.length > 0) return [{ offset: 0, length: node.sizeBytes }];
    return isElf ? foretellElfRanges(head, node.sizeBytes) : [];
  });

  const file: CatalogedFile = { path, sizeBytes: node.sizeBytes, sha256 };
  const findings = new Findings(path);
  for (const { name, maxBytes, catalog } of interested) {
    findings.collect(name, () => catalog(readWhole(source, maxBytes), file));
  }
  const program = isElf ? findings.read('elf', () => readProgram(source)) : undefined;
  if (program !== undefined) {
    for (const { name, catalog } of elfCatalogers) findings.collect(name, () => catalog(program, source, file));
  }
  return {
    path,
    sha256,
    architecture: program === undefined ? null : architectureOf(program.header),
    components: findings.components,
    unread: findings.unread,
  };
}

class Findings {
  readonly components: Component[] = [];
  readonly unread: UnreadFile[] = [];
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  collect(cataloger: string, catalog: () => readonly Component[]): void {
    this.components.push(...(this.read(cataloger, catalog) ?? []));
  }

  /** What a step reads, or undefined where the file is at fault. */
  read<T>(cataloger: string, step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.unread.push({ path: this.#path, cataloger, code: error.code, message: error.message });
      return undefined;
    }
  }
}

/** Programs and shared libraries run; object files and kernel modules hold nothing that catalogers read. */
function readProgram(source: Source): ElfFile | undefined {
  const { kind } = parseElfHeader(source.read(0, Math.min(elfHeaderBytes, source.sizeBytes)));
  return kind === 'executable' || kind === 'shared' ? readElf(source) : undefined;
}

function readWhole(source: Source, maxBytes: number): Uint8Array {
  if (source.sizeBytes > maxBytes)
    throw new Fault(
      'limit.file-bytes',
      `Cannot read ${source.name}: it has ${source.sizeBytes} bytes, want at most ${maxBytes}`,
    );
  return source.read(0, source.sizeBytes);
}

function catalogPath(path: string, digest: Digest | null): readonly Component[] {
  return pathCatalogers.flatMap(({ catalog }) => catalog(path, digest));
}

/** The findings of a hard link's first name, seen at this one. */
function movedTo(path: string, findings: FileFindings): readonly Component[] {
  if (path === findings.path) return findings.components;
  return findings.components.map((component) => ({
    ...component,
    evidence: component.evidence.map((one) => (one.path === findings.path ? { ...one, path } : one)),
  }));
}
