import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeButane } from '../../pipeline/formats/butane/index.ts';
import { encodeIgnition } from '../../pipeline/formats/ignition/index.ts';
import { judgeUserData, listInstallation } from '../../pipeline/installation/index.ts';
import { madePack, madePolicy, madeProgram, madeSettings, makeFragment } from './made-fragment.ts';
import { readButane, readIgnition } from './written-files.ts';

describe('What a machine is made with', () => {
  const written = readIgnition(encodeIgnition(makeFragment()));

  it('is every file, link and directory of an installation, and nothing else', () => {
    const { directories, files, links } = listInstallation(madeSettings);
    const expected = new Map([
      ...directories.map(({ path }) => [path, 'directory 0700'] as const),
      ...files.map(({ path, content }) => [path, content] as const),
      ...links.map(({ path, target }) => [path, `-> ${target}`] as const),
      ['/var/lib/nodeproof/policy.yaml', `0600 ${madePolicy}`] as const,
      ['/var/lib/nodeproof/trust-pack.json', `0600 ${madePack}`] as const,
      [
        '/var/lib/nodeproof/bin/nodeproof',
        `0700 https://files.example.com/nodeproof.gz gzip sha512-${createHash('sha512').update(madeProgram).digest('hex')}`,
      ] as const,
    ]);
    expect(written).toEqual(expected);
    expect(files.length).toBeGreaterThan(10);
  });

  it('is the same in Butane', () => {
    expect(readButane(encodeButane(makeFragment()))).toEqual(written);
  });

  it('is the same bytes each time', () => {
    expect(encodeIgnition(makeFragment())).toBe(encodeIgnition(makeFragment()));
    expect(encodeButane(makeFragment())).toBe(encodeButane(makeFragment()));
  });

  it('comes compressed only from an address that ends in .gz', () => {
    for (const url of ['https://x.example/nodeproof', 'https://x.example/n?file=a.gz']) {
      const own = readIgnition(encodeIgnition(makeFragment(url)));
      expect(own.get('/var/lib/nodeproof/bin/nodeproof')).toContain(`${url} plain sha512-`);
    }
    const signed = 'https://x.example/nodeproof.gz?signature=1';
    expect(readIgnition(encodeIgnition(makeFragment(signed))).get('/var/lib/nodeproof/bin/nodeproof')).toContain(
      `${signed} gzip`,
    );
  });
});

describe('User data', () => {
  it.each([
    [16_384, ['EC2', 'OpenStack', 'Azure', 'GCE']],
    [16_385, ['OpenStack', 'Azure', 'GCE']],
    [49_150, ['Azure', 'GCE']],
    [65_537, ['GCE']],
    [262_145, []],
  ])('of %i bytes fits %j', (bytes, places) => {
    const fitting = judgeUserData(bytes).filter(({ fits }) => fits);
    expect(fitting.map(({ place }) => place)).toEqual(places);
  });
});
