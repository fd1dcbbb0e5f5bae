import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Digest, Fault, limits } from '../../pipeline/core/index.ts';
import {
  buildKernel,
  catalogers,
  collectInventory,
  type Component,
  type Inventory,
} from '../../pipeline/inventory/index.ts';
import { buildElfImage, buildInlineGoBlob } from '../support/elf-image.ts';
import { buildMemoryTree, type MemoryEntry } from '../support/memory-tree.ts';
import { goProgram, usrEntries } from '../support/node-tree.ts';

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

function inventoryOf(entries: Record<string, MemoryEntry>, mount: '' | '/usr' = '', chunkBytes?: number): Inventory {
  return collectInventory(buildMemoryTree(entries, chunkBytes === undefined ? {} : { chunkBytes }), { mount });
}

function named({ components }: Inventory, name: string): Component {
  const found = components.filter((component) => component.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const usr = inventoryOf(usrEntries(), '/usr');

describe('files of an inventory', () => {
  it('are all regular files, with digest, size and mode, sorted, under the paths of a node', () => {
    const inventory = inventoryOf(
      { '/b': 'two', '/a/c': { content: 'one', mode: 0o4755 }, '/a/l': { target: '/b' }, '/d': { kind: 'fifo' } },
      '/usr',
    );
    expect(inventory.files).toEqual([
      { path: '/usr/a/c', mode: 0o4755, sizeBytes: 3, sha256: Digest.of('sha256', 'one'), architecture: null },
      { path: '/usr/b', mode: 0o644, sizeBytes: 3, sha256: Digest.of('sha256', 'two'), architecture: null },
    ]);
  });

  it.each([1000, 4096, 100_000, 2_000_000])('are read once, whatever the size of chunks: %i bytes', (chunkBytes) => {
    const tree = buildMemoryTree(usrEntries(), { chunkBytes });
    const inventory = collectInventory(tree, { mount: '/usr' });
    expect(inventory).toEqual(usr);
    if (chunkBytes >= 4096) {
      const read = [...tree.reads.values()].reduce((sum, bytes) => sum + bytes, 0);
      expect(read).toBe(inventory.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    }
  });

  it('that are one inode are read once, and found at each name', () => {
    const tree = buildMemoryTree({
      '/usr/bin/agent': goProgram('go-amd64'),
      '/usr/bin/other': { linkTo: '/usr/bin/agent' },
    });
    const inventory = collectInventory(tree, { mount: '' });
    expect([...tree.reads.values()]).toEqual([goProgram('go-amd64').byteLength]);
    expect(inventory.files.map(({ path }) => path)).toEqual(['/usr/bin/agent', '/usr/bin/other']);
    const places = named(inventory, 'example.com/node/cmd/agent').evidence.map(({ path }) => path);
    expect(places).toEqual(['/usr/bin/agent', '/usr/bin/other']);
  });

  it('keep names that are not UTF-8 apart, in a form that is', () => {
    const paths = ['/usr/a', '/usr/\udcffé b', '/usr/\udcfeé b', '/usr/%FF'];
    expect(inventoryOf(Object.fromEntries(paths.map((path) => [path, '']))).files.map(({ path }) => path)).toEqual([
      '/usr/%FF',
      '/usr/a',
      'bytes:/usr/%FE%C3%A9%20b',
      'bytes:/usr/%FF%C3%A9%20b',
    ]);
  });

  it('that are programs tell their architecture', () => {
    const { files } = inventoryOf({ '/a': goProgram('go-arm64'), '/b': buildElfImage({ type: 1 }), '/c': 'text' });
    expect(files.map(({ architecture }) => architecture)).toEqual(['arm64', null, null]);
  });

  it('with less content than they declare are a fault of the tree', () => {
    const tree = buildMemoryTree({ '/a': 'text' });
    const short = { ...tree, chunks: () => [Buffer.from('tex')] };
    expect(() => collectInventory(short, { mount: '' })).toThrow(expect.objectContaining({ code: 'tree.size' }));
  });
});

describe('components of an inventory', () => {
  it('are the operating system, by the file of the vendor', () => {
    expect(named(usr, 'flatcar')).toMatchObject({
      kind: 'operating-system',
      version: '4593.2.5',
      purl: 'pkg:generic/flatcar@4593.2.5?board=amd64-usr',
      cpe: 'cpe:2.3:o:flatcar-linux:flatcar_linux:4593.2.5:*:*:*:*:*:*:*',
      homepage: 'https://flatcar.org/',
      evidence: [{ path: '/usr/lib/os-release', technique: 'manifest-analysis' }],
    });
    expect(named(usr, 'flatcar').properties.get('nodeproof:os-release:buildId')).toBe('2026-08-11-2350');
    expect(inventoryOf({ '/etc/os-release': 'ID=other\n' }).components).toEqual([]);
  });

  it('are kernels, by their modules, and by the file where it is in the tree', () => {
    expect(named(usr, 'linux-kernel')).toMatchObject({
      version: '6.12.102-flatcar',
      purl: 'pkg:generic/linux-kernel@6.12.102-flatcar',
      cpe: 'cpe:2.3:o:linux:linux_kernel:6.12.102:*:*:*:*:*:*:*',
      digest: null,
      evidence: [{ path: '/usr/lib/modules/6.12.102-flatcar', technique: 'filename' }],
    });
    const inventory = inventoryOf({ '/usr/lib/modules/6.1.0-9/vmlinuz': 'kernel', '/usr/lib/modules/readme/x': '' });
    expect(named(inventory, 'linux-kernel').digest?.hex).toBe(sha256('kernel'));
  });

  it('take up what is known from elsewhere, such as the kernel of the EFI partition', () => {
    const digest = Digest.of('sha256', 'vmlinuz');
    const kernel = buildKernel(
      '6.12.102-flatcar',
      { path: 'EFI-SYSTEM:/flatcar/vmlinuz-a', technique: 'binary-analysis' },
      digest,
    );
    const inventory = collectInventory(buildMemoryTree(usrEntries()), { mount: '/usr', known: [kernel] });
    expect(named(inventory, 'linux-kernel')).toMatchObject({
      digest,
      evidence: [{ path: 'EFI-SYSTEM:/flatcar/vmlinuz-a' }, { path: '/usr/lib/modules/6.12.102-flatcar' }],
    });
  });

  it.each([
    '/usr/share/flatcar/sysext/x.raw',
    '/usr/lib/extensions/x.raw',
    '/etc/extensions/x.raw',
    '/opt/extensions/x.raw',
    '/opt/extensions/kubernetes/x.raw',
    '/usr/lib/confexts/x.raw',
  ])('are extensions by their whole digest: %s', (path) => {
    const inventory = inventoryOf({ [path]: 'image' });
    expect(inventory.components).toMatchObject([
      {
        kind: 'sysext',
        name: 'x',
        digest: { hex: sha256('image') },
        purl: `pkg:generic/x-sysext?checksum=sha256:${sha256('image')}`,
        evidence: [{ path }],
      },
    ]);
  });

  it('are no extensions elsewhere, nor files of another name', () => {
    expect(
      inventoryOf({ '/usr/share/x.raw': '', '/usr/lib/extensions/x.img': '', '/usr/lib/extensions/.raw': '' })
        .components,
    ).toEqual([]);
  });

  it('are Go programs with what was linked into them', () => {
    const program = named(usr, 'example.com/node/cmd/agent');
    expect(program).toMatchObject({
      kind: 'program',
      version: 'v9.8.7',
      purl: 'pkg:golang/example.com/node@v9.8.7#cmd/agent',
      digest: { hex: sha256(goProgram('go-amd64')) },
      evidence: [{ path: '/usr/bin/agent', technique: 'binary-analysis' }],
    });
    expect(program.properties.get('nodeproof:golang:version-from')).toBe('linker flags');
    expect(program.contains).toHaveLength(6);
    const keys = new Set(usr.components.map(({ key }) => key));
    expect(program.contains.filter((key) => !keys.has(key))).toEqual([]);
  });

  it('are Go modules with version and sum, in the writing that the package URL wants and in their own', () => {
    expect(named(usr, 'example.com/Upper/case')).toMatchObject({
      version: 'v1.2.3',
      purl: 'pkg:golang/example.com/upper/case@v1.2.3',
    });
    expect(named(usr, 'example.com/Upper/case').properties.get('nodeproof:golang:h1')).toMatch(
      /^h1:[A-Za-z0-9+/]{43}=$/,
    );
    expect(named(usr, 'example.com/incompatible').purl).toBe(
      'pkg:golang/example.com/incompatible@v4.5.6%2Bincompatible',
    );
    expect(named(usr, 'stdlib')).toMatchObject({
      version: expect.stringMatching(/^1\.\d+/),
      cpe: expect.stringMatching(/^cpe:2\.3:a:golang:go:1\./),
    });
  });

  it('are modules as they were compiled: the replacement, or the directory in place of a module', () => {
    expect(usr.components.some(({ name }) => name === 'example.com/replaced')).toBe(false);
    const replacement = named(usr, 'example.com/replacement');
    expect(replacement.version).toBe('v1.0.1-rc.1');
    expect(replacement.properties.get('nodeproof:golang:replaces')).toBe('example.com/replaced@v1.0.0');
    const local = named(usr, 'example.com/local');
    expect(local.version).toBe('v1.1.0');
    expect(local.properties.get('nodeproof:golang:replaced-by')).toBe('../local');
  });

  it('are Go programs of which nobody knows the modules', () => {
    const stripped = named(usr, 'stripped');
    expect(stripped).toMatchObject({ kind: 'program', version: null, purl: null, contains: [] });
    expect(stripped.properties.get('nodeproof:golang:modules')).toBe('unknown');
  });

  it('keep one version of a module with two sums apart', () => {
    const program = (sum: string) => {
      const content = buildInlineGoBlob('go1.26.1', `path\ta\nmod\ta\tv1.0.0\t\ndep\tb\tv1.0.0\t${sum}\n`);
      return buildElfImage({ segments: [{ address: 0x500000n, content, writable: true }] });
    };
    const inventory = inventoryOf({ '/a': program('h1:one='), '/b': program('h1:two='), '/c': program('h1:two=') });
    const twins = inventory.components.filter(({ name }) => name === 'b');
    expect(twins.map(({ evidence }) => evidence.map(({ path }) => path))).toEqual([['/a'], ['/b', '/c']]);
  });

  it('are packages of which each list tells its part', () => {
    expect(named(usr, 'sys-apps/systemd')).toMatchObject({
      kind: 'package',
      version: '257.9',
      purl: 'pkg:ebuild/sys-apps/systemd@257.9?repository=portage-stable',
      licenses: ['GPL-2', 'LGPL-2.1', 'MIT', 'public-domain'],
      homepage: 'https://systemd.io/',
      sources: [{ url: 'https://example.org/systemd-257.9.tar.gz' }],
      evidence: [
        { path: '/usr/share/SLSA/sys-apps_systemd-257.9.json.zst' },
        { path: '/usr/share/licenses/licenses.json.bz2' },
      ],
    });
    expect(named(usr, 'dev-libs/openssl').sources).toHaveLength(1);
    expect(named(usr, 'app-shells/bash').sources).toEqual([]);
  });

  it('do not depend on the order in which the tree lists its entries', () => {
    const entries = Object.entries(usrEntries());
    fc.assert(
      fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (shuffled) => {
        expect(inventoryOf(Object.fromEntries(shuffled), '/usr')).toEqual(usr);
      }),
      { numRuns: 5 },
    );
  });
});

describe('what an inventory could not read', () => {
  const slsa = '/share/SLSA/sys-apps_systemd-257.9.json.zst';

  it.each<[string, string, MemoryEntry, string]>([
    ['a licence list that is no bzip2', '/share/licenses/licenses.json.bz2', 'text', 'bzip2.magic'],
    ['a statement that is no zstd', slsa, 'text', 'flatcar-slsa.compression'],
    ['a statement that is no xz', '/share/SLSA/a_b-1.json.xz', 'text', 'xz.format'],
    ['an os-release with a NUL', '/lib/os-release', 'ID=a\0b\n', 'os-release.nul'],
    ['an os-release of unreasonable size', '/lib/os-release', new Uint8Array(100_000), 'limit.file-bytes'],
    [
      'a big-endian program',
      '/bin/agent',
      Buffer.from('\x7fELF\x02\x02\x01'.padEnd(64, '\0'), 'latin1'),
      'elf.byte-order',
    ],
    ['a program that is cut off', '/bin/agent', goProgram('go-amd64').subarray(0, 5000), 'source.range'],
  ])('is told, and hides nothing else: %s', (_, path, content, code) => {
    const inventory = inventoryOf({ ...usrEntries(), [path]: content }, '/usr');
    expect(inventory.unread).toMatchObject([{ path: `/usr${path}`, code }]);
    expect(inventory.files).toHaveLength(usr.files.length + (path in usrEntries() ? 0 : 1));
    expect(named(inventory, 'linux-kernel').version).toBe('6.12.102-flatcar');
  });

  it('is nothing for object files and kernel modules, which nobody reads', () => {
    expect(inventoryOf({ '/x.ko': buildElfImage({ type: 1 }) }).unread).toEqual([]);
  });

  it('is a program whose parts lie so that it would be read again and again', () => {
    const content = Buffer.alloc(9 * 1024 * 1024);
    // A section so large, in a segment that nobody foretells, that every step of the search is another reading.
    const image = buildElfImage({
      segments: [
        { address: 0x100000n, content: Buffer.alloc(16), writable: true },
        { address: 0x500000n, content, writable: true },
      ],
      sections: [{ name: '.go.buildinfo', address: 0x500000n, sizeBytes: content.byteLength }],
    });
    expect(inventoryOf({ '/a': image }).unread).toMatchObject([{ code: 'limit.file-readings' }]);
  });

  it('is at most one file, whatever bytes a program has', () => {
    const blob = buildInlineGoBlob('go1.26.1', 'path\ta\nmod\ta\tv1.0.0\t\ndep\tb\tv1.0.0\th1:x=\n');
    const image = buildElfImage({
      segments: [{ address: 0x500000n, content: blob, writable: true }],
      sections: [{ name: '.go.buildinfo', address: 0x500000n, sizeBytes: blob.byteLength }],
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.integer({ min: 64, max: 2000 }),
        (edits, chunkBytes) => {
          const bytes = Buffer.from(image);
          for (const [at, to] of edits) bytes[at] = to;
          const inventory = inventoryOf({ '/a': bytes }, '', chunkBytes);
          expect(inventory.unread.length).toBeLessThanOrEqual(1);
          expect(inventory.files[0]?.sha256.hex).toBe(sha256(bytes));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('never swallows a mistake of ours', () => {
    const tree = buildMemoryTree({ '/a': 'x' });
    const broken = {
      ...tree,
      chunks: () => {
        throw new TypeError('mistake');
      },
    };
    expect(() => collectInventory(broken, { mount: '' })).toThrow(TypeError);
    const faulty = {
      ...tree,
      chunks: () => {
        throw new Fault('squashfs.data', 'Cannot read');
      },
    };
    expect(() => collectInventory(faulty, { mount: '' })).toThrow(Fault);
  });
});

describe('an inventory has an end', () => {
  const codeOf = (entries: Record<string, MemoryEntry>) => {
    try {
      inventoryOf(entries);
    } catch (error) {
      if (error instanceof Fault) return error.code;
    }
    return 'no fault';
  };

  it('at so many files that catalogers read as a whole', () => {
    const paths = Array.from({ length: limits.catalogedFiles + 1 }, (_, at) => `/usr/share/SLSA/a_b-${at}.json.zst`);
    expect(codeOf(Object.fromEntries(paths.map((path) => [path, ''])))).toBe('limit.cataloged-files');
  });

  it('at so many findings', () => {
    const list = Array.from({ length: limits.goModules }, (_, at) => `dep\tm${at}\tv1\n`).join('');
    const content = buildInlineGoBlob('go1.26.1', list);
    const program = buildElfImage({ segments: [{ address: 0x500000n, content, writable: true }] });
    const links = Array.from({ length: 30 }, (_, at) => [`/b${at}`, { linkTo: '/a' }] as const);
    expect(codeOf({ '/a': program, ...Object.fromEntries(links) })).toBe('limit.components');
  });
});

describe('the table of catalogers', () => {
  it('has one row of each name', () => {
    expect(new Set(catalogers.map(({ name }) => name)).size).toBe(catalogers.length);
  });
});
