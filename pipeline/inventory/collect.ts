import { compareText, type Digest, Fault, limits, type Source } from '../core/index.ts';
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
import { type Component, mergeComponents } from './component.ts';
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

export type InventoryOptions = {
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
export function collectInventory(tree: FileTree, options: InventoryOptions): Inventory {
  const content = listContent(tree, options.mount);
  return assemble(content, examineShare(tree, content.work, newCounter()), options);
}

/** Examines a tree's files on another core. A port: `edge/` does it with a thread. */
export type InventoryHelper = {
  /**
   * Takes files of the same tree off the counter as examineShare does, until none is left. Answers with what it examined;
   * what it took and could not examine is missing. Undefined where nobody else can open the tree.
   */
  readonly help: (
    tree: FileTree,
    mount: InventoryOptions['mount'],
    counter: Int32Array,
  ) => Promise<ReadonlyMap<number, FileFindings>> | undefined;
};

/** Below this, a thread's start costs more than it saves. The largest file is one thread's, whoever takes it. */
const sharedContentBytes = 64 * 1024 * 1024;

function isWorthSharing({ work, bytes }: Content): boolean {
  const largest = work.reduce((most, { node }) => Math.max(most, node.sizeBytes), 0);
  return bytes - largest >= sharedContentBytes;
}

/** As collectInventory, shared with a helper where the tree is large enough. */
export async function collectInventoryShared(
  tree: FileTree,
  options: InventoryOptions,
  helper: InventoryHelper,
): Promise<Inventory> {
  const content = listContent(tree, options.mount);
  const counter = newCounter();
  const helped = isWorthSharing(content) ? helper.help(tree, options.mount, counter) : undefined;
  const own = examineShare(tree, content.work, counter);
  const findings = new Map([...own, ...((await helped) ?? [])]);
  // What the helper took and did not finish is done here, so that its faults come out here too.
  for (const [number, entry] of content.work.entries()) {
    if (!findings.has(number)) findings.set(number, examineFile(tree, entry));
  }
  return assemble(content, findings, options);
}

type Content = {
  readonly entries: readonly PlacedEntry[];
  /** Every regular file once, under the first of its names: what there is to read, numbered by its place here. */
  readonly work: readonly PlacedEntry[];
  readonly bytes: number;
};

/** Lists a tree in the order of its walk, which is the same in every thread. */
export function listContent(tree: FileTree, mount: InventoryOptions['mount']): Content {
  const entries: PlacedEntry[] = [];
  const work: PlacedEntry[] = [];
  const seen = new Set<number>();
  let bytes = 0;
  let cataloged = 0;
  for (const placed of walk(tree, tree.root, mount)) {
    const entry = { ...placed, path: readablePath(placed.path) };
    entries.push(entry);
    if (entry.node.kind !== 'file') continue;
    if (wholeFileCatalogers.some(({ selects }) => selects(entry.path))) cataloged++;
    checkLimit('cataloged files', cataloged, limits.catalogedFiles);
    if (seen.has(entry.node.id)) continue;
    seen.add(entry.node.id);
    work.push(entry);
    checkLimit('bytes of content', (bytes += entry.node.sizeBytes), limits.treeContentBytes);
  }
  return { entries, work, bytes };
}

function newCounter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

/**
 * Takes files off the shared counter, one at a time so that all threads end together, and examines them. Returns the
 * findings by the files' numbers.
 */
export function examineShare(
  tree: FileTree,
  work: readonly PlacedEntry[],
  counter: Int32Array,
): Map<number, FileFindings> {
  const findings = new Map<number, FileFindings>();
  let components = 0;
  for (;;) {
    const number = Atomics.add(counter, 0, 1);
    const entry = work[number];
    if (entry === undefined) return findings;
    const found = examineFile(tree, entry);
    checkLimit('components', (components += found.components.length), limits.components);
    findings.set(number, found);
  }
}

function assemble(content: Content, findings: ReadonlyMap<number, FileFindings>, options: InventoryOptions): Inventory {
  const files: InventoryFile[] = [];
  const components: Component[] = [...(options.known ?? [])];
  const unread: UnreadFile[] = [];
  const numbers = new Map(content.work.map((entry, number) => [entry.node.id, number]));
  for (const { path, node } of content.entries) {
    if (node.kind === 'directory') components.push(...catalogPath(path, null));
    const found = node.kind === 'file' ? findings.get(numbers.get(node.id) ?? -1) : undefined;
    if (found === undefined) continue;
    files.push({
      path,
      mode: node.mode,
      sizeBytes: node.sizeBytes,
      sha256: found.sha256,
      architecture: found.architecture,
    });
    components.push(...catalogPath(path, found.sha256), ...movedTo(path, found));
    unread.push(...found.unread.map((one) => ({ ...one, path })));
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
export type FileFindings = {
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
