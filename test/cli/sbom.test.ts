import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../support/command-line.ts';
import { compileStrictSchema } from '../support/cyclonedx-schema.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';

const check = compileStrictSchema('1.6');
let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(demo.image, demo.kubernetes, demo.falco);
});
afterAll(() => workshop[Symbol.dispose]());

const sbom = (...args: string[]) =>
  runCommandLine(['sbom', ...args], {
    directory: workshop.directory,
    environment: { SOURCE_DATE_EPOCH: '1793534400' },
  });

type Bom = { specVersion: string; components: { purl?: string; type: string; name: string }[] };

describe('sbom', () => {
  it('prints one strictly valid document that names the Go modules of a sysext', async () => {
    const { exit, json, stdout } = await sbom(demo.kubernetes);
    expect(exit).toBe(0);
    expect(check(json)).toBeNull();
    expect((json as Bom).components.map(({ purl }) => purl)).toContain('pkg:golang/github.com/google/uuid@v1.6.0');
    expect((await sbom(demo.kubernetes)).stdout).toBe(stdout);
  });

  it('writes one for each file and each extension that an image merges', async () => {
    expect((await sbom(demo.image, demo.falco, '--out', 'sboms')).exit).toBe(0);
    expect(readdirSync(workshop.path('sboms')).sort()).toEqual([
      'falco.raw.cdx.json',
      'flatcar_production_image.bin.cdx.json',
      'flatcar_production_image.bin.containerd-flatcar.raw.cdx.json',
      'flatcar_production_image.bin.docker-flatcar.raw.cdx.json',
    ]);
    for (const name of readdirSync(workshop.path('sboms')))
      expect([name, check(JSON.parse(readFileSync(workshop.path(`sboms/${name}`), 'utf8')))]).toEqual([name, null]);
  });

  it('writes CycloneDX 1.7 and every file where it is asked to', async () => {
    const { json } = await sbom(demo.kubernetes, '--spec', '1.7', '--files', 'all');
    expect(compileStrictSchema('1.7')(json)).toBeNull();
    expect((json as Bom).specVersion).toBe('1.7');
    expect((json as Bom).components.filter(({ type }) => type === 'file')).toHaveLength(2);
  });

  it.each([
    [[demo.kubernetes, demo.falco], 2, 'usage.out'],
    [[demo.kubernetes, '--spec', '1.5'], 2, 'usage.spec'],
    [[demo.kubernetes, '--files', 'some'], 2, 'usage.files'],
    [['nowhere.raw'], 4, 'file.missing'],
    [[demo.falco, demo.falco, '--out', 'twice'], 2, 'usage.out'],
  ])('of %j is refused with exit %i', async (args, exit, code) => {
    expect(await sbom(...args)).toMatchObject({ exit, code });
    expect(readdirSync(workshop.directory).filter((name) => name.includes('twice'))).toEqual([]);
  });
});
