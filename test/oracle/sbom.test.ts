import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { collectInventory } from '../../pipeline/inventory/index.ts';
import { buildBom } from '../../pipeline/sbom/index.ts';
import { openDiskTree } from '../support/disk-tree.ts';
import { findTool, listPeers, runTool } from '../support/tools.ts';

const syft = findTool('syft');
const programs = listPeers().filter((path) => statSync(path).isFile());
const skipped =
  syft === undefined
    ? 'no syft in $PEERS_DIR/bin'
    : programs.length === 0
      ? 'no Go programs in $PEERS_DIR/bin'
      : undefined;
if (skipped !== undefined) console.log(`skipped: comparison with syft: ${skipped}`);

const directory = mkdtempSync(join(tmpdir(), 'nodeproof-sbom-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Component = {
  readonly type: string;
  readonly name: string;
  readonly purl?: string;
  readonly hashes?: { alg: string; content: string }[];
};

describe.skipIf(skipped !== undefined)('an SBOM, compared with that of syft on the same tree', () => {
  it('has every Go module that syft finds, and the digest of every program', () => {
    mkdirSync(join(directory, 'usr/bin'), { recursive: true });
    for (const program of programs) cpSync(program, join(directory, 'usr/bin', basename(program)));
    const foreign = JSON.parse(runTool(syft as string, 'scan', '-q', `dir:${directory}`, '-o', 'cyclonedx-json')) as {
      components: Component[];
    };
    const inventory = collectInventory(openDiskTree(directory), { mount: '' });
    const own = buildBom(
      {
        kind: 'sysext',
        name: 'x',
        version: null,
        fileName: 'x.raw',
        digests: [Digest.of('sha256', 'x')],
        architecture: null,
      },
      inventory,
      { timestamp: new Date(0), tool: { name: 'nodeproof', version: '0' } },
    )['components'] as unknown as Component[];

    // Package URLs of Go are lower case by their definition; syft keeps the writing, and tells no subpath.
    const modules = (components: readonly Component[]) =>
      new Set(
        components.flatMap(({ purl }) =>
          purl?.startsWith('pkg:golang/') ? [purl.toLowerCase().replace(/#.*/, '')] : [],
        ),
      );
    const mine = modules(own);
    const theirs = modules(foreign.components);
    expect(theirs.size).toBeGreaterThan(programs.length);
    expect([...theirs].filter((purl) => !mine.has(purl))).toEqual([]);

    const digests = new Set(own.flatMap(({ hashes = [] }) => hashes.map(({ content }) => content)));
    const files = foreign.components.filter(({ type }) => type === 'file');
    const sha256 = files.flatMap(({ hashes = [] }) => hashes.filter(({ alg }) => alg === 'SHA-256'));
    expect(sha256.length).toBeGreaterThan(0);
    expect(sha256.filter(({ content }) => !digests.has(content))).toEqual([]);
  });
});
