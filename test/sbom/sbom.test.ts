import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { collectInventory, type Inventory } from '../../pipeline/inventory/index.ts';
import { buildBom, renderSbom, type SbomArtifact, type SbomOptions } from '../../pipeline/sbom/index.ts';
import { compileStrictSchema } from '../support/cyclonedx-schema.ts';
import { buildElfImage } from '../support/elf-image.ts';
import { buildMemoryTree, type MemoryEntry } from '../support/memory-tree.ts';
import { goProgram, usrEntries } from '../support/node-tree.ts';

const digest = Digest.of('sha256', 'image');
const artifact: SbomArtifact = {
  kind: 'node-image',
  name: 'flatcar',
  version: '4593.2.5',
  fileName: 'flatcar_production_image.bin',
  digests: [digest, Digest.of('sha512', 'image')],
  architecture: 'x86-64',
  properties: new Map([['nodeproof:usr-hash', '20'.repeat(32)]]),
};
const options: SbomOptions = { timestamp: new Date(1_700_000_000_000), tool: { name: 'nodeproof', version: '0.1.0' } };

const collect = (entries: Record<string, MemoryEntry>, mount: '' | '/usr' = ''): Inventory =>
  collectInventory(buildMemoryTree(entries), { mount });
const usr = collect({ ...usrEntries(), '/lib/libc.so.6': buildElfImage({ type: 3 }) }, '/usr');
const nothing = collect({});

// The shape of what is tested, as far as the tests look at it.
type Bom = {
  serialNumber: string;
  metadata: { timestamp: string; component: Record<string, unknown>; properties: { name: string; value: string }[] };
  components: {
    'bom-ref': string;
    name: string;
    type: string;
    evidence?: { occurrences: { location: string }[] };
    licenses?: unknown;
    hashes?: unknown;
  }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
  compositions: { aggregate: string; assemblies?: string[]; dependencies?: string[] }[];
};
const build = (inventory: Inventory, more: Partial<SbomOptions> = {}, about = artifact) =>
  buildBom(about, inventory, { ...options, ...more }) as unknown as Bom;
const componentOf = (bom: Bom, name: string) => bom.components.find((component) => component.name === name)!;

describe('an SBOM', () => {
  const checks = { '1.6': compileStrictSchema('1.6'), '1.7': compileStrictSchema('1.7') };

  it.each([
    ['1.6', 'none'],
    ['1.6', 'binaries'],
    ['1.6', 'all'],
    ['1.7', 'all'],
  ] as const)('is valid under the strict schema of CycloneDX %s, files: %s', (specVersion, files) => {
    const bytes = renderSbom(artifact, usr, {
      ...options,
      specVersion,
      files,
      manufacturer: { name: 'Example', url: 'https://example.org/' },
    });
    const document: unknown = JSON.parse(Buffer.from(bytes).toString());
    expect(checks[specVersion](document)).toBeNull();
    expect(document).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion,
      metadata: { manufacturer: { name: 'Example' } },
    });
  });

  it('of nothing is valid, too', () => {
    expect(checks['1.6'](JSON.parse(Buffer.from(renderSbom(artifact, nothing, options)).toString()))).toBeNull();
  });

  it('of a hostile tree is valid: names, versions and links of any bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 }).map((value) => value.replaceAll(/[\n\r\0\\]/g, ''));
    fc.assert(
      fc.property(text, text, text, (name, version, link) => {
        const buildDefinition = {
          buildType: name,
          externalParameters: {},
          resolvedDependencies: [
            { uri: link, digest: {} },
            { uri: `${link} `, digest: { sha1: '0'.repeat(40) } },
          ],
        };
        const slsa = { predicateType: 'https://slsa.dev/provenance/v1', predicate: { buildDefinition } };
        const release = `ID="${name}"\nVERSION_ID="${version}"\nHOME_URL="${link}"\nCPE_NAME="cpe:2.3:o:${link}"\n`;
        const inventory = collect({
          '/usr/lib/os-release': release,
          [`/bin/${name.replaceAll('/', '')}x`]: goProgram('go-unknown'),
          '/usr/share/SLSA/a-b_c-1.json.zst': zstdCompressSync(JSON.stringify(slsa)),
        });
        const about = { ...artifact, name, version, cpe: link };
        expect(inventory.components.some(({ kind }) => kind === 'package')).toBe(true);
        expect(
          checks['1.6'](JSON.parse(Buffer.from(renderSbom(about, inventory, { ...options, files: 'all' })).toString())),
        ).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  it('is about the artifact, with its digests, and not with what is inside', () => {
    const { component } = build(usr).metadata;
    expect(component).toMatchObject({
      type: 'operating-system',
      name: 'flatcar',
      version: '4593.2.5',
      'bom-ref': `artifact:sha256:${digest.hex}`,
      purl: `pkg:generic/flatcar@4593.2.5?arch=x86-64&checksum=sha256:${digest.hex}`,
      hashes: [{ alg: 'SHA-256', content: digest.hex }, { alg: 'SHA-512' }],
    });
    const sysext: SbomArtifact = { ...artifact, kind: 'sysext', name: 'kubernetes', version: null };
    expect(build(usr, {}, sysext).metadata.component).toMatchObject({
      type: 'application',
      purl: `pkg:generic/kubernetes-sysext?arch=x86-64&checksum=sha256:${digest.hex}`,
    });
    expect(build(usr, {}, sysext).metadata.component).not.toHaveProperty('version');
  });

  it('tells where each component was read', () => {
    const bom = build(usr);
    const places = (name: string) => componentOf(bom, name).evidence?.occurrences.map(({ location }) => location);
    expect(places('sys-apps/systemd')).toEqual([
      '/usr/share/SLSA/sys-apps_systemd-257.9.json.zst',
      '/usr/share/licenses/licenses.json.bz2',
    ]);
    expect(places('example.com/Upper/case')).toEqual(['/usr/bin/agent']);
    expect(bom.components.filter(({ type, evidence }) => type !== 'file' && !evidence)).toEqual([]);
  });

  it('names licences by SPDX where they are on its list, else as they are written', () => {
    expect(componentOf(build(usr), 'sys-apps/systemd').licenses).toEqual([
      { license: { id: 'GPL-2.0-only', acknowledgement: 'declared' } },
      { license: { id: 'LGPL-2.1-only', acknowledgement: 'declared' } },
      { license: { id: 'MIT', acknowledgement: 'declared' } },
      { license: { name: 'public-domain', acknowledgement: 'declared' } },
    ]);
  });

  it('lists no files, the ELF files that are no component yet, or all', () => {
    const files = (selection: 'none' | 'binaries' | 'all') =>
      build(usr, { files: selection }).components.flatMap(({ type, name }) => (type === 'file' ? [name] : []));
    expect(files('none')).toEqual([]);
    expect(files('binaries')).toEqual(['/usr/lib/libc.so.6']);
    expect(files('all')).toEqual(usr.files.map(({ path }) => path));
  });

  it('binds every file by one digest, also where no file is listed', () => {
    const lines = usr.files.map(({ path, sha256 }) => `${sha256.hex}  ${path}\0`).join('');
    for (const files of ['none', 'all'] as const) {
      expect(build(usr, { files }).metadata.properties).toContainEqual({
        name: 'nodeproof:file-list-sha256',
        value: Digest.of('sha256', lines).hex,
      });
    }
  });

  it('refers only to what is in it, and to each thing by one name', () => {
    const bom = build(usr, { files: 'all' });
    const refs = [
      bom.metadata.component['bom-ref'] as string,
      ...bom.components.map((component) => component['bom-ref']),
    ];
    expect(new Set(refs).size).toBe(refs.length);
    const used = [
      ...bom.dependencies.flatMap(({ ref, dependsOn = [] }) => [ref, ...dependsOn]),
      ...bom.compositions.flatMap(({ assemblies = [], dependencies = [] }) => [...assemblies, ...dependencies]),
    ];
    expect(used.filter((ref) => !refs.includes(ref))).toEqual([]);
  });

  it('relates a program to its modules, and the artifact to all that is in nothing else', () => {
    const bom = build(usr);
    const program = componentOf(bom, 'example.com/node/cmd/agent')['bom-ref'];
    const library = componentOf(bom, 'example.com/plain')['bom-ref'];
    const [root] = bom.dependencies;
    expect(root?.dependsOn).toContain(program);
    expect(root?.dependsOn).not.toContain(library);
    expect(bom.dependencies.find(({ ref }) => ref === program)?.dependsOn).toContain(library);
  });
});

describe('an SBOM says how complete it is', () => {
  const root = `artifact:sha256:${digest.hex}`;
  const ofRoot = (bom: Bom) => bom.compositions.find(({ assemblies }) => assemblies?.includes(root))?.aggregate;

  it('complete with all files, incomplete with fewer', () => {
    expect(ofRoot(build(usr, { files: 'all' }))).toBe('complete');
    expect(ofRoot(build(usr))).toBe('incomplete');
  });

  it('never complete where something could not be read, which it names', () => {
    const inventory = collect({ ...usrEntries(), '/share/licenses/licenses.json.bz2': 'text' }, '/usr');
    const bom = build(inventory, { files: 'all' });
    expect(ofRoot(bom)).toBe('incomplete');
    expect(bom.metadata.properties).toContainEqual({ name: 'nodeproof:unread', value: '1' });
    expect(bom.metadata.properties).toContainEqual({
      name: 'nodeproof:unread-file',
      value: '/usr/share/licenses/licenses.json.bz2 bzip2.magic',
    });
  });

  it('of a pure Go program, of one that may hold C, of one whose modules are unknown, of an extension', () => {
    const bom = build(usr);
    const aggregateOf = (name: string) => {
      const ref = componentOf(bom, name)['bom-ref'];
      return bom.compositions.find(({ assemblies = [], dependencies = [] }) =>
        [...assemblies, ...dependencies].includes(ref),
      )?.aggregate;
    };
    expect(aggregateOf('example.com/node/cmd/agent')).toBe('complete');
    expect(aggregateOf('stripped')).toBe('unknown');
    expect(aggregateOf('containerd-flatcar')).toBe('unknown');
  });
});

describe('an SBOM is a function of its input', () => {
  it('with the same bytes for the same input', () => {
    const again = collect(
      Object.fromEntries(
        Object.entries({ ...usrEntries(), '/lib/libc.so.6': buildElfImage({ type: 3 }) }).toReversed(),
      ),
      '/usr',
    );
    expect(Buffer.from(renderSbom(artifact, again, options)).equals(renderSbom(artifact, usr, options))).toBe(true);
  });

  it('with a serial number of its own for each content', () => {
    const numbers = [
      build(usr),
      build(usr, { files: 'all' }),
      build(usr, { specVersion: '1.7' }),
      build(usr, { timestamp: new Date(0) }),
      build(nothing),
      build(usr, {}, { ...artifact, digests: [Digest.of('sha256', 'other')] }),
    ].map(({ serialNumber }) => serialNumber);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers)
      expect(number).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('with components in the order of code units', () => {
    const refs = build(usr, { files: 'none' }).components.map((component) => component['bom-ref']);
    expect(refs).toEqual([...refs].sort());
  });
});
