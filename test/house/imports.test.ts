import { describe, expect, test } from 'vitest';
import { readSources, type SourceFile } from './sources.ts';

/** A folder imports lower levels only. */
const levels: Readonly<Record<string, number>> = {
  core: 0,
  formats: 1,
  image: 2,
  inventory: 2,
  release: 2,
  sbom: 2,
  provenance: 2,
  trust: 2,
  units: 2,
  verify: 2,
  evidence: 2,
  installation: 2,
  policy: 2,
  collection: 3,
  inspection: 3,
  lint: 3,
  attest: 3,
  report: 3,
  seal: 3,
  store: 3,
  edge: 4,
  cli: 5,
  action: 6,
  standalone: 6,
};

/** And these of its own level, each for a reason. */
const siblings: Readonly<Record<string, string>> = {
  'sbom → inventory': 'an SBOM is an inventory in another form',
  'verify → trust': 'what a bundle is verified under',
  'evidence → installation': 'whether the units that gate a node still do is judged',
  'evidence → units': 'how a line of a unit is taken apart',
  'evidence → release': 'evidence makes a node identity, and is compared with one',
  'policy → evidence': 'what a node says is judged',
  'policy → provenance': 'the build type and the builders that a policy knows',
  'policy → release': 'node sets and identities are what is compared',
  'policy → trust': 'anchors and signer rules are sections of the policy',
  'policy → verify': 'rules take verified statements only',
  'attest → inspection': 'what is attested was inspected first',
  'seal → inspection': 'what is sealed is hashed as what is inspected',
  'lint → collection': 'the node that is looked at, as a port',
  'report → lint': 'what a look at settings found',
  'report → inspection': 'the types of what an inspection found',
  'edge/decompression → edge/files': 'what is decompressed is an open file',
  'edge/hashing → edge/files': 'what is hashed is an open file',
  'edge/inventory → edge/files': 'what is inventoried is an open file',
  'edge/node → edge/files': 'a node is files, too',
  'edge/node → edge/hashing': 'extensions are hashed on all cores',
  'edge/store → edge/files': 'a directory is a store, too',
  'formats/butane → formats/ignition': 'says the same in another language',
  'formats/butane → formats/json': 'quotes the input as it does',
  'formats/btrfs → formats/crc32c': 'the checksum of its metadata',
  'formats/btrfs → formats/file-tree': 'a file system is a file tree',
  'formats/btrfs → formats/lzo': 'a compression of its extents',
  'formats/dsse → formats/json': 'an envelope is JSON',
  'formats/dsse → formats/schema': 'of this shape',
  'formats/erofs → formats/crc32c': 'the checksum of its superblock',
  'formats/erofs → formats/file-tree': 'a file system is a file tree',
  'formats/erofs → formats/lz4': 'the compression of its clusters',
  'formats/ext4 → formats/crc32c': 'the checksum of its metadata',
  'formats/ext4 → formats/file-tree': 'a file system is a file tree',
  'formats/extension-release → formats/file-tree': 'its place in a tree counts',
  'formats/extension-release → formats/os-release': 'has the same syntax, and is matched with it',
  'formats/fat → formats/file-tree': 'a file system is a file tree',
  'formats/flatcar-licenses → formats/ebuild': 'lists packages by their names',
  'formats/flatcar-licenses → formats/json': 'is JSON',
  'formats/flatcar-slsa → formats/ebuild': 'lists packages by their names',
  'formats/flatcar-slsa → formats/json': 'is JSON',
  'formats/go-buildinfo → formats/elf': 'lies in a section of a program',
  'formats/ignition → formats/json': 'is JSON',
  'formats/ignition → formats/schema': 'of this shape',
  'formats/linux-kernel → formats/pe': 'is a PE image as well',
  'formats/losetup → formats/json': 'is JSON',
  'formats/losetup → formats/schema': 'of this shape',
  'formats/reference → formats/schema': 'is JSON of this shape',
  'formats/reference → formats/statement': 'names resources as statements do',
  'formats/sigstore-bundle → formats/dsse': 'holds an envelope',
  'formats/sigstore-bundle → formats/json': 'is JSON',
  'formats/sigstore-bundle → formats/schema': 'of this shape',
  'formats/slsa → formats/schema': 'predicates are JSON of this shape',
  'formats/slsa → formats/statement': 'name resources as statements do',
  'formats/squashfs → formats/file-tree': 'a file system is a file tree',
  'formats/squashfs → formats/lz4': 'a compression of its blocks',
  'formats/squashfs → formats/lzo': 'a compression of its blocks',
  'formats/squashfs → formats/xz': 'a compression of its blocks',
  'formats/statement → formats/json': 'a statement is JSON',
  'formats/statement → formats/schema': 'of this shape',
  'formats/verity-signature → formats/der': 'holds a PKCS#7 signature',
  'formats/verity-signature → formats/json': 'is JSON',
  'formats/verity-signature → formats/schema': 'of this shape',
};

/** Libraries of others, and the folders that may know them. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  '@cyclonedx/cyclonedx-library': ['sbom'],
  '@sigstore/bundle': ['verify', 'edge'],
  '@sigstore/core': ['verify', 'edge'],
  '@sigstore/protobuf-specs': ['verify', 'edge'],
  '@sigstore/sign': ['edge'],
  '@sigstore/tuf': ['trust'],
  '@sigstore/verify': ['verify'],
  commander: ['cli'],
  esbuild: ['action', 'standalone'],
  octokit: ['edge'],
  openpgp: ['attest'],
  'unbzip2-stream': ['edge'],
  yaml: ['formats', 'policy', 'lint', 'cli', 'action'],
  zod: ['formats', 'release', 'provenance', 'trust', 'evidence', 'policy', 'attest', 'store', 'edge', 'cli', 'action'],
};

/** What computes is no IO: the rest of Node is for edge/ and cli/ alone. */
const pureModules: ReadonlySet<string> = new Set(['node:buffer', 'node:crypto', 'node:zlib']);

const world: Readonly<Record<string, RegExp>> = {
  process: /(?<![.\w])process\./,
  'the clock': /\bDate\.now\b|new Date\(\)|\bperformance\.now\b/,
  chance: /\bMath\.random\b/,
  'the network': /(?<![.\w])fetch\(/,
  'global state': /\bglobalThis\b/,
  timers: /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/,
};

const sources = readSources().filter(({ path }) => path.includes('/'));

describe('Imports', () => {
  test('go to lower levels, or to siblings that the table allows', () => {
    expect(problems(judgeDirection)).toEqual([]);
  });

  test('go through the door of the other folder', () => {
    expect(problems(judgeDoor)).toEqual([]);
  });

  test('use libraries only in the folders that the table names', () => {
    expect(problems(judgeLibraries)).toEqual([]);
  });

  test('load octokit only when it is used: no other command waits for it', () => {
    const eager = sources.filter(({ code }) => /^import (?!type\b)[^;]*'octokit'/m.test(code));
    expect(eager.map(({ path }) => path)).toEqual([]);
  });

  test('of the table are all needed', () => {
    const used = new Set(sources.flatMap((file) => crossings(file).map(([from, to]) => `${from} → ${to}`)));
    expect(Object.keys(siblings).filter((pair) => !used.has(pair))).toEqual([]);
    const folders = new Set(sources.map(({ path }) => topOf(path)));
    expect(Object.keys(levels).filter((folder) => !folders.has(folder))).toEqual([]);
  });
});

describe('Below edge/', () => {
  const pure = sources.filter(({ path }) => (levels[topOf(path)] ?? 0) < 4);

  test('nothing imports what touches the world', () => {
    const builtins = pure.flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier }) => specifier.startsWith('node:') && !pureModules.has(specifier))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(builtins).toEqual([]);
  });

  test.each(Object.entries(world))('nothing asks for %s', (_what, pattern) => {
    expect(pure.filter(({ code }) => pattern.test(code)).map(({ path }) => path)).toEqual([]);
  });
});

function problems(judge: (file: SourceFile) => readonly string[]): readonly string[] {
  return [...new Set(sources.flatMap(judge))];
}

function judgeDirection(file: SourceFile): readonly string[] {
  return crossings(file)
    .filter(([from, to]) => siblings[`${from} → ${to}`] === undefined && levelOf(to) >= levelOf(from))
    .map(([from, to]) => `${from} → ${to}: ${file.path}`);
}

function judgeDoor(file: SourceFile): readonly string[] {
  return file.imports.flatMap(({ target }) =>
    target === null ||
    unitOf(target) === unitOf(file.path) ||
    target === '../package.json' ||
    target.endsWith('/index.ts')
      ? []
      : [`${file.path} imports ${target}`],
  );
}

function judgeLibraries(file: SourceFile): readonly string[] {
  return file.imports.flatMap(({ specifier, target }) => {
    if (target !== null || specifier.startsWith('node:')) return [];
    const [scope = '', name = ''] = specifier.split('/');
    const library = scope.startsWith('@') ? `${scope}/${name}` : scope;
    return libraries[library]?.includes(topOf(file.path)) === true ? [] : [`${file.path} imports ${specifier}`];
  });
}

/** From one unit to another: a folder of pipeline/, or a format, or a part of the edge. */
function crossings(file: SourceFile): readonly (readonly [string, string])[] {
  return file.imports
    .filter((entry): entry is typeof entry & { target: string } => entry.target?.startsWith('..') === false)
    .map(({ target }) => [unitOf(file.path), unitOf(target)] as const)
    .filter(([from, to]) => from !== to);
}

function unitOf(path: string): string {
  const [top = '', part = ''] = path.split('/');
  return top === 'formats' || top === 'edge' ? `${top}/${part}` : top;
}

function topOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** A folder that is not in the table is above all: nobody may import it until it has a level. */
function levelOf(unit: string): number {
  return levels[topOf(unit)] ?? Number.POSITIVE_INFINITY;
}
