import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { readElf } from '../../pipeline/formats/elf/index.ts';
import { readGoBuildInfo } from '../../pipeline/formats/go-buildinfo/index.ts';
import { collectInventory } from '../../pipeline/inventory/index.ts';
import { openDiskTree } from '../support/disk-tree.ts';
import { buildElfImage, buildInlineGoBlob, buildPointedGoBlob } from '../support/elf-image.ts';
import { printLikeGo } from '../support/go-version.ts';
import { findTool, listPeers, runTool } from '../support/tools.ts';

const go = findTool('go');
if (go === undefined) console.log('skipped: comparison with `go version -m`: no go on the PATH');
const directory = mkdtempSync(join(tmpdir(), 'nodeproof-go-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What Go says about a file, without the file's name; empty for a file without build information. */
function askGo(path: string): string {
  return runTool(go as string, 'version', '-m', path).replace(/^[^\n]*: (go|devel )/, '$1');
}

function read(path: string): string {
  const source = memorySource(readFileSync(path), path);
  const build = readGoBuildInfo(source, readElf(source));
  return build === undefined ? '' : printLikeGo(build);
}

/** Programs of the Go distribution, and those that were built as peers. */
function programs(): string[] {
  if (go === undefined) return [];
  const root = runTool(go, 'env', 'GOROOT').trim();
  const folders = [join(root, 'bin'), runTool(go, 'env', 'GOTOOLDIR').trim()];
  const own = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return [...own, ...listPeers()].filter((path) => statSync(path).isFile());
}

describe.skipIf(go === undefined)('the build information of a program is what `go version -m` prints', () => {
  it.each(programs())('%s', (path) => {
    expect(read(path)).toBe(askGo(path));
  });

  const list =
    'path\texample.com/x\nmod\texample.com/x\tv1.0.0\th1:AAAA=\ndep\ta\tv1\n=>\tb\tv2\th1:B=\nbuild\t-ldflags="-X \\"a b\\""\n';
  const address = 0x500000n;
  it.each<[string, Buffer]>([
    [
      'inline strings',
      buildElfImage({ segments: [{ address, content: buildInlineGoBlob('go1.20', list), writable: true }] }),
    ],
    [
      'pointers of 8 bytes',
      buildElfImage({
        segments: [{ address, content: buildPointedGoBlob(address, 8, 'go1.17', list), writable: true }],
      }),
    ],
    [
      'pointers of 4 bytes',
      buildElfImage({
        bits: 32,
        machine: 3,
        segments: [{ address, content: buildPointedGoBlob(address, 4, 'go1.13', list), writable: true }],
      }),
    ],
    ['no list', buildElfImage({ segments: [{ address, content: buildInlineGoBlob('go1.20', ''), writable: true }] })],
  ])('a program made by hand: %s', (_, image) => {
    const path = join(directory, 'program');
    writeFileSync(path, image, { mode: 0o755 });
    expect(read(path)).not.toBe('');
    expect(read(path)).toBe(askGo(path));
  });

  it('a program that the system linker linked, read once as it streams by', (ctx) => {
    if (findTool('gcc') === undefined) ctx.skip('no gcc for an externally linked program');
    const path = join(directory, 'linked');
    writeFileSync(
      join(directory, 'main.go'),
      'package main\n\n// int one(void) { return 1; }\nimport "C"\n\nfunc main() { println(C.one()) }\n',
    );
    writeFileSync(join(directory, 'go.mod'), 'module example.com/linked\n\ngo 1.21\n');
    runTool(
      'env',
      '-C',
      directory,
      'CGO_ENABLED=1',
      go as string,
      'build',
      '-buildvcs=false',
      '-buildmode=pie',
      '-o',
      path,
      '.',
    );
    expect(read(path)).toBe(askGo(path));
    const tree = openDiskTree(directory);
    let bytes = 0;
    const counted = {
      ...tree,
      *chunks(node: typeof tree.root) {
        for (const chunk of tree.chunks(node)) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      },
    };
    const { files } = collectInventory(counted, { mount: '' });
    expect(bytes).toBe(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  });
});
