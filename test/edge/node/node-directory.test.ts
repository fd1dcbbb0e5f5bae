import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { openNodeDirectory } from '../../../pipeline/edge/node/index.ts';
import { collectEvidence, type NodeWorld } from '../../../pipeline/collection/index.ts';
import { betaNode, openMadeNode, stableNode } from '../../evidence/made-node.ts';
import { writeMadeNode } from '../../evidence/made-node-directory.ts';

const now = new Date('2026-11-22T12:00:00Z');
const hashing = openHashingPool(1);
let outside: string;
let root: string;

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  root = join(outside, 'root');
  mkdirSync(root);
  writeFileSync(join(outside, 'secret'), 'of the host');
});

afterEach(() => rmSync(outside, { recursive: true, force: true }));

function open(): NodeWorld {
  return openNodeDirectory(root, { hashing, now });
}

function put(path: string, text: string | Uint8Array = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

describe('A directory as a node', () => {
  test.for([
    ['stable', stableNode],
    ['beta', betaNode],
  ] as const)('tells what the node itself tells, for Flatcar %s', async ([, node]) => {
    writeMadeNode(root, node);
    const evidence = await collectEvidence(open());
    const expected = await collectEvidence(openMadeNode(node, { simulated: true }));
    expect(evidence).toEqual({ ...expected, collectedAt: now.toISOString() });
  });

  test('that is empty gives evidence without facts', async () => {
    const evidence = await collectEvidence(open());
    expect(evidence.simulated).toBe(true);
    expect(evidence.os.id.value).toBeNull();
    expect(evidence.os.architecture.value).toBeNull();
    expect(evidence.kernel.release.value).toBeNull();
  });

  test('is missing or a file', () => {
    expect(() => openNodeDirectory(join(root, 'none'), { hashing, now })).toThrow('no such directory');
    expect(() => openNodeDirectory(join(outside, 'secret'), { hashing, now })).toThrow('no such directory');
  });

  test('may be reached by a link', () => {
    put('etc/hostname', 'node-1');
    symlinkSync(root, join(outside, 'link'));
    expect(openNodeDirectory(join(outside, 'link'), { hashing, now }).readText('/etc/hostname', 64)).toBe('node-1');
  });
});

describe('Nothing outside the directory is read', () => {
  test.for([
    ['an absolute link', '/secret'],
    ['a link that climbs', '../../../../../secret'],
    ['a link that climbs from below', '../etc/../../secret'],
  ])('by %s', ([, target = '']) => {
    link('etc/escape', target);
    expect(open().readText('/etc/escape', 64)).toBeUndefined();
    expect(open().place('/etc/escape')).toBeUndefined();
    expect(() => open().openSource('/etc/escape')).toThrow(Fault);
  });

  test('by a link to an absolute path of the host', () => {
    link('etc/escape', join(outside, 'secret'));
    link('out', outside);
    expect(open().readText('/etc/escape', 64)).toBeUndefined();
    expect(open().readText('/out/secret', 64)).toBeUndefined();
    expect(open().listNames('/out')).toBeUndefined();
  });

  test('by a path with dots', () => {
    put('secret', 'of the node');
    expect(open().readText('/../../secret', 64)).toBe('of the node');
    expect(open().readText('/etc/../secret', 64)).toBeUndefined();
  });

  test.skipIf(process.getuid?.() !== 0)('by a device', () => {
    execFileSync('mknod', [join(root, 'disk'), 'b', '7', '0']);
    execFileSync('mknod', [join(root, 'zero'), 'c', '1', '5']);
    expect(open().place('/disk')?.kind).toBe('block-device');
    expect(() => open().openSource('/disk')).toThrow('want a regular file');
    expect(() => open().readText('/zero', 64)).toThrow('want a regular file');
  });

  test('by a fifo, which nobody waits for', () => {
    execFileSync('mkfifo', [join(root, 'fifo')]);
    expect(open().place('/fifo')?.kind).toBe('other');
    expect(() => open().readText('/fifo', 64)).toThrow('want a regular file');
  });
});

describe('A path in the directory', () => {
  test('leads through links that stay inside', () => {
    put('opt/extensions/k.raw', 'image');
    link('etc/extensions/kubernetes.raw', '/opt/extensions/current.raw');
    link('opt/extensions/current.raw', 'k.raw');
    expect(open().place('/etc/extensions/kubernetes.raw')).toMatchObject({
      path: '/opt/extensions/k.raw',
      kind: 'file',
      sizeBytes: 5,
    });
  });

  test.for([
    ['a link to /dev/null is a mask without a /dev', '/dev/null', 'character-device'],
    ['a relative one too', '../../dev/null', 'character-device'],
    ['a link to itself leads nowhere', 'entry.raw', undefined],
    ['a link to nothing leads nowhere', '/none', undefined],
    ['a link into a file leads nowhere', 'file/below', undefined],
    ['a link of no length a file can have leads nowhere', 'x'.repeat(300), undefined],
  ] as const)('%s', ([, target, kind]) => {
    put('etc/extensions/file');
    link('etc/extensions/entry.raw', target);
    expect(open().place('/etc/extensions/entry.raw')?.kind).toBe(kind);
  });

  test('tells its last link as it is written', () => {
    put('opt/k.raw');
    link('etc/extensions/k.raw', '../../opt/k.raw');
    link('links', 'etc/extensions');
    link('escape', outside);
    link('nothing', '/dev/null');
    const node = open();
    expect(node.readLink('/links/k.raw')).toBe('../../opt/k.raw');
    const none = ['/opt/k.raw', '/none', '/escape/secret', '/links/none', '/nothing/bin', '/dev/null/bin'];
    expect(none.map((path) => node.readLink(path))).toEqual(none.map(() => undefined));
    expect(openMadeNode({ '/links': { link: '/etc' }, '/etc/k': { link: '../opt' } }).readLink('/links/k')).toBe(
      '../opt',
    );
  });

  test('has the numbers that were captured for it', () => {
    put('opt/k.raw');
    put('run/nodeproof/captured/files.json', '{"/opt/k.raw": {"inode": 12, "device": "8:9"}}');
    expect(open().place('/opt/k.raw')).toMatchObject({ inode: 12, device: '8:9' });
  });

  test('has a NUL in it', () => {
    expect(open().place('/a\0b')).toBeUndefined();
    expect(open().readText('/a\0b', 64)).toBeUndefined();
  });

  test('leads to bytes that need be no text', () => {
    put('etc/name', Buffer.from([0xff]));
    expect(open().readBytes('/etc/name', 64)).toEqual(Buffer.from([0xff]));
    expect(() => open().readText('/etc/name', 64)).toThrow('not UTF-8');
    expect(open().readBytes('/etc/none', 64)).toBeUndefined();
  });

  test('is longer than a text may be', () => {
    put('proc/cmdline', 'x'.repeat(65));
    expect(() => open().readText('/proc/cmdline', 64)).toThrow('more than 64 bytes');
    truncateSync(join(root, 'proc/cmdline'), 2 ** 40);
    expect(() => open().readText('/proc/cmdline', 64)).toThrow('more than 64 bytes');
  });

  test('has a name that is not UTF-8, which is not passed over', () => {
    mkdirSync(join(root, 'etc/extensions'), { recursive: true });
    const name = Buffer.concat([Buffer.from(join(root, 'etc/extensions/')), Buffer.from([0xff])]);
    mkdirSync(name);
    expect(() => open().listNames('/etc/extensions')).toThrow('not UTF-8');
  });

  test('leads to a name that is not UTF-8, which is not passed over', () => {
    mkdirSync(join(root, 'etc'), { recursive: true });
    symlinkSync(Buffer.from([0xff]), join(root, 'etc/odd'));
    expect(readlinkSync(join(root, 'etc/odd'), 'buffer')).toEqual(Buffer.from([0xff]));
    expect(() => open().place('/etc/odd')).toThrow('not UTF-8');
  });
});

describe('Captured facts that do not read', () => {
  test.for([
    ['no JSON', '{', 'json.'],
    ['no inode', '{"/a": {"device": "8:9"}}', 'captured.field'],
    ['no device number', '{"/a": {"inode": 1, "device": "sda"}}', 'captured.field'],
    ['an inode below nothing', '{"/a": {"inode": -1, "device": "8:9"}}', 'captured.field'],
  ])('are refused: %s', ([, text = '', code = '']) => {
    put('run/nodeproof/captured/files.json', text);
    let fault: unknown;
    try {
      open();
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).code).toContain(code);
  });

  test('a command that was not captured tells nothing', () => {
    expect(open().ask('losetup')).toBeUndefined();
    expect(existsSync(join(root, 'run'))).toBe(false);
  });
});
