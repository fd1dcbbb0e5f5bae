import { gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import {
  encodeIgnition,
  enfoldIgnition,
  inlineResource,
  mergeIgnition,
} from '../../../pipeline/formats/ignition/index.ts';
import { makeFragment } from '../../installation/made-fragment.ts';
import { fetch, readIgnition } from '../../installation/written-files.ts';
import { ignitionSchema } from '../../support/ignition-schema.ts';

const fragment = makeFragment();
const own = encodeIgnition(fragment);
const isValid = new Ajv({ strict: true }).compile(ignitionSchema);
const merge = (document: object | string) =>
  mergeIgnition(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)), fragment);
const mergedInto = (document: object) => JSON.parse(merge(document).text) as Record<string, never>;

const codeOf = (step: () => unknown) => {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return `${error.code} ${error.where ?? ''}`.trim();
    throw error;
  }
  return 'no fault';
};

describe('An Ignition document', () => {
  it('is one by the specification of 3.4.0', () => {
    isValid(JSON.parse(own));
    expect(isValid.errors).toBeNull();
  });

  it('folded into one compressed part is one, too, and unfolds to itself', () => {
    const folded = JSON.parse(enfoldIgnition(own)) as {
      ignition: { config: { replace: Parameters<typeof fetch>[0] } };
    };
    isValid(folded);
    expect(isValid.errors).toBeNull();
    expect(fetch(folded.ignition.config.replace)).toBe(own);
    expect(enfoldIgnition(own).length).toBeLessThan(own.length);
  });
});

describe('Content in the document', () => {
  it('comes out again, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), fc.nat(50), (text, times) => {
        const content = text.repeat(times);
        expect(fetch(inlineResource(Buffer.from(content)))).toBe(Buffer.from(content).toString('utf8'));
      }),
      { numRuns: 100 },
    );
  });

  it('is compressed where that is shorter, without a time or the name of a system', () => {
    expect(inlineResource(Buffer.from('short'))).not.toHaveProperty('compression');
    const { source, compression } = inlineResource(Buffer.alloc(1000, 'long'));
    expect(compression).toBe('gzip');
    const bytes = Buffer.from(source.split(',')[1] ?? '', 'base64');
    expect(bytes.subarray(0, 10).toString('hex')).toBe('1f8b0800000000000203');
    expect(gunzipSync(bytes)).toHaveLength(1000);
  });
});

const user = {
  ignition: { version: '3.3.0', timeouts: { httpTotal: 30 } },
  passwd: { users: [{ name: 'core', sshAuthorizedKeys: ['ssh-ed25519 AAAA'] }] },
  storage: {
    files: [
      { path: '/etc/hostname', mode: 420, contents: inlineResource(Buffer.from('worker')), futureField: [1, null] },
    ],
    links: [{ path: '/etc/extensions/kubernetes.raw', target: '/opt/extensions/kubernetes.raw' }],
  },
  systemd: {
    units: [
      { name: 'kubeadm.service', enabled: true, contents: '[Service]\nExecStart=/usr/bin/kubeadm join\n' },
      { name: 'kubelet.service', dropins: [{ name: '20-own.conf', contents: '[Service]\n' }] },
    ],
  },
};

describe('Merged into a user’s Ignition document', () => {
  it('ours is added behind theirs, which stays as it is', () => {
    const merged = mergedInto(user) as unknown as typeof user;
    expect(merged.ignition).toEqual(user.ignition);
    expect(merged.passwd).toEqual(user.passwd);
    expect(merged.storage.files[0]).toEqual(user.storage.files[0]);
    expect(merged.storage.links[0]).toEqual(user.storage.links[0]);
    const written = readIgnition(merge(user).text);
    for (const [path, content] of readIgnition(own)) expect([path, written.get(path)]).toEqual([path, content]);
  });

  it('their own kubeadm.service keeps what it is and gets our drop-in', () => {
    const { units } = (mergedInto(user) as unknown as typeof user).systemd;
    const [kubeadm, kubelet] = units;
    expect(kubeadm).toMatchObject(user.systemd.units[0] ?? {});
    expect(kubeadm?.dropins?.map(({ name }) => name)).toEqual(['10-nodeproof.conf']);
    expect(kubelet?.dropins?.map(({ name }) => name)).toEqual(['20-own.conf', '10-nodeproof.conf']);
    expect(units.filter(({ name }) => name === 'kubeadm.service')).toHaveLength(1);
  });

  it('twice is as good as once', () => {
    const once = merge(user).text;
    expect(merge(once).text).toBe(once);
  });

  it('needs no lists to be there, and takes null for none', () => {
    const bare = { ignition: { version: '3.0.0' } };
    const empty = { ...bare, storage: null, systemd: { units: null } };
    expect(readIgnition(merge(bare).text)).toEqual(readIgnition(own));
    expect(readIgnition(merge(empty).text)).toEqual(readIgnition(own));
  });

  it('takes null for no drop-ins, too', () => {
    const unit = { name: 'kubeadm.service', dropins: null };
    const merged = mergedInto({ ignition: { version: '3.4.0' }, systemd: { units: [unit] } }) as unknown as typeof user;
    expect(merged.systemd.units[0]?.dropins?.map(({ name }) => name)).toEqual(['10-nodeproof.conf']);
  });

  it('notes that documents which are fetched win over it', () => {
    const merging = { ignition: { version: '3.4.0', config: { merge: [{ source: 'https://x.example/' }] } } };
    expect(merge(merging).notes).toEqual([expect.stringContaining('ignition.config.merge')]);
    expect(merge(user).notes).toEqual([]);
  });

  const withFile = (path: string) => ({ ...user, storage: { files: [{ path }] } });
  const withUnit = (unit: object) => ({ ...user, systemd: { units: [unit] } });
  it.each([
    ['a policy of theirs', withFile('/var/lib/nodeproof/policy.yaml'), 'storage.files[0]'],
    ['one by another spelling', withFile('/var//lib/x/../nodeproof/./policy.yaml'), 'storage.files[0]'],
    ['a file in place of a unit', withFile('/etc/systemd/system/nodeproof-guard.service'), 'storage.files[0]'],
    [
      'a file in place of a drop-in',
      withFile('/etc/systemd/system/kubeadm.service.d/10-nodeproof.conf'),
      'storage.files[0]',
    ],
    ['a file in place of a directory', withFile('/var/lib/nodeproof'), 'storage.files[0]'],
    ['a file on the way', withFile('/etc/systemd'), 'storage.files[0]'],
    ['a link on the way', { ...user, storage: { links: [{ path: '/var/lib', target: '/opt' }] } }, 'storage.links[0]'],
    [
      'a link in place of a file',
      { ...user, storage: { links: [{ path: '/var/lib/nodeproof/bin/nodeproof', target: '/opt/x' }] } },
      'storage.links[0]',
    ],
    [
      'an open directory',
      { ...user, storage: { directories: [{ path: '/var/lib/nodeproof', mode: 511 }] } },
      'storage.directories[0]',
    ],
    ['our guard masked', withUnit({ name: 'nodeproof-guard.service', mask: true }), 'systemd.units[0]'],
    ['a drop-in over our join', withUnit({ name: 'nodeproof-join.service', dropins: [] }), 'systemd.units[0]'],
    [
      'another drop-in by our name',
      withUnit({ name: 'kubeadm.service', dropins: [{ name: '10-nodeproof.conf', contents: '' }] }),
      'systemd.units[0].dropins[0]',
    ],
  ])('%s is refused by name', (_, document, where) => {
    expect(codeOf(() => merge(document))).toBe(`ignition.conflict ${where}`);
  });

  it('is refused where another document takes the place of theirs', () => {
    const replaced = (replace: unknown) => ({ ignition: { version: '3.4.0', config: { replace } } });
    expect(codeOf(() => merge(replaced({ source: 'https://x.example/' })))).toBe(
      'ignition.replaced ignition.config.replace',
    );
    expect(codeOf(() => merge(replaced({ source: null })))).toBe('no fault');
  });

  it.each([
    ['{"ignition":{"version":"2.3.0"}}', 'ignition.version'],
    ['{"ignition":{"version":"3.5.0"}}', 'ignition.version'],
    ['{"ignition":{"version":"3.4.0-experimental"}}', 'ignition.version'],
    ['{"ignition":{}}', 'ignition.version'],
    ['[]', 'ignition.version'],
    ['{"ignition":{"version":"3.4.0"},"storage":{"files":[{"path":"/a"}],"files":[]}}', 'json.duplicate-key'],
    ['{"ignition":{"version":"3.4.0"},"storage":{"files":{}}}', 'ignition.field storage.files'],
    ['{"ignition":{"version":"3.4.0"},"storage":{"files":[{"path":1}]}}', 'ignition.field storage.files'],
    ['{"ignition":{"version":"3.4.0"},"systemd":{"units":["x"]}}', 'ignition.field systemd.units'],
    ['variant: flatcar', 'json.syntax'],
  ])('what is none is refused: %s', (document, code) => {
    expect(codeOf(() => merge(document))).toContain(code);
  });

  it('gives a document or a fault, whatever comes', () => {
    const json = fc.json({ maxDepth: 4 });
    const lists = fc.record(
      { ignition: fc.constant({ version: '3.4.0' }), storage: fc.object(), systemd: fc.object() },
      { requiredKeys: ['ignition'] },
    );
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      json.map((text) => Buffer.from(text)),
      lists.map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        const told = codeOf(() => expect(isDocument(mergeIgnition(bytes, fragment).text)).toBe(true));
        expect(told).toMatch(/^(?:no fault|(?:ignition|json|bytes|limit)\.)/);
      }),
      { numRuns: 300 },
    );
  });
});

function isDocument(text: string): boolean {
  return readIgnitionUnits(text).includes('nodeproof-guard.service');
}

function readIgnitionUnits(text: string): readonly string[] {
  return (JSON.parse(text) as { systemd: { units: { name: string }[] } }).systemd.units.map(({ name }) => name);
}
