import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { emptyState } from '../../pipeline/policy/index.ts';
import { type MadeNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import {
  makeNextNode,
  newVersion,
  oldVersion,
  runningSlot,
  setOfNext,
  stagedSlot,
  withSelected,
} from '../evidence/made-next-boot.ts';
import { packOf, policy } from '../evidence/made-release.ts';
import { runIn } from './world.ts';

let folder: string;
let pack: Uint8Array;
let staged: MadeNode;

beforeAll(async () => {
  staged = withSelected(await makeNextNode(runningSlot, stagedSlot), newVersion);
  const running = await makeNextNode({ ...runningSlot, flags: { ...runningSlot.flags, priority: 3 } }, stagedSlot);
  pack = await packOf([await setOfNext(staged, 'workers-new'), await setOfNext(running, 'workers-old')]);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  writeFileSync(join(folder, 'policy.yaml'), policy());
  writeFileSync(join(folder, 'pack.json'), pack);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const material = ['node', 'verify', '--policy', 'policy.yaml', '--trust-pack', 'pack.json'];

async function verify(node: MadeNode, ...more: readonly string[]) {
  writeMadeNode(join(folder, 'root'), node);
  const { exit, stdout, stderr } = await runIn(folder, ...material, '--root', 'root', '--next-boot', '--json', ...more);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as {
    subject: string;
    verdict: string;
    simulated: boolean;
    checked: { fact: string; grade: string | null }[];
    findings: { code: string; field: string }[];
    ignored: { code: string; message: string }[];
  };
  return { exit, document, codes: document.findings.map(({ code }) => code) };
}

describe('node verify --next-boot', () => {
  test('admits a signed update before the reboot, and says what it is about', async () => {
    const { exit, document, codes } = await verify(staged);
    expect([exit, codes]).toEqual([0, []]);
    expect(document).toMatchObject({ verdict: 'admit', simulated: true });
    expect(document.subject).toBe(
      'the next boot of root (slot USR-B, flatcar 4593.2.6; an update is pending; nothing of it is enforced yet)',
    );
    expect(document.checked).toContainEqual(expect.objectContaining({ fact: 'node set workers-new' }));
    expect(new Set(document.checked.map(({ grade }) => grade))).toEqual(new Set(['claimed', null]));
    expect(document.ignored).toMatchObject([{ code: 'next-boot.later' }]);
  });

  test('says for people what it says in JSON', async () => {
    writeMadeNode(join(folder, 'root'), staged);
    const { exit, stdout } = await runIn(folder, ...material, '--root', 'root', '--next-boot');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^ADMIT {3}the next boot of root \(slot USR-B, flatcar 4593\.2\.6;/);
    expect(stdout).toContain('Nothing of the next boot runs or is enforced yet');
  });

  test('refuses a /usr that nobody signed, although it agrees with itself', async () => {
    const other = await makeNextNode(runningSlot, { ...stagedSlot, salt: 'cd'.repeat(32) });
    const { exit, codes } = await verify(withSelected(other, newVersion));
    expect([exit, codes]).toEqual([1, ['attestation.none', 'node-set.none', 'os.usr-hash']]);
  });

  test('refuses another build of a built-in extension', async () => {
    const other = await makeNextNode(runningSlot, { ...stagedSlot, image: 'usr-rebuilt.img' });
    const { exit, codes } = await verify(withSelected(other, newVersion));
    expect(exit).toBe(1);
    expect(codes).toContain('sysext.digest');
  });

  test('refuses a kernel that boots another /usr with exit 3', async () => {
    const other = await makeNextNode(runningSlot, { ...stagedSlot, kernelHash: 'c'.repeat(64) });
    const { exit, codes } = await verify(withSelected(other, newVersion));
    expect(exit).toBe(3);
    expect(codes).toContain('next-boot.contradiction');
  });

  test('cannot judge an extension that the initrd would fetch', async () => {
    const { exit, document } = await verify(withSelected(await makeNextNode(runningSlot, stagedSlot), oldVersion));
    expect([exit, document.findings.map(({ code, field }) => `${code} ${field}`)]).toEqual([
      4,
      ['extension.not-there sysexts.oem-qemu', 'extension.not-there sysexts.flatcar-podman'],
    ]);
  });

  test('judges the running slot where no update is pending, and says so', async () => {
    const flags = { ...runningSlot.flags, priority: 3 };
    const { exit, document } = await verify(await makeNextNode({ ...runningSlot, flags }, stagedSlot));
    expect(exit).toBe(0);
    expect(document.subject).toContain(
      'slot USR-A, flatcar 4593.2.5; no update is pending, it boots the same slot again',
    );
  });

  test('asks for no grade that nothing has before it runs', async () => {
    const graded = policy().replace(
      'os: { id: flatcar }',
      'os: { id: flatcar }\n  grades: { os: kernel, usrHash: kernel }',
    );
    writeFileSync(join(folder, 'policy.yaml'), graded);
    expect((await verify(staged)).codes).toEqual([]);
  });

  test('takes the floor of versions and the extensions that the policy wants', async () => {
    const strict = policy().replace('os: { id: flatcar }', 'os: { id: flatcar, versionFloor: 4600.0.0 }');
    writeFileSync(join(folder, 'policy.yaml'), strict.replace('[kubernetes]', '[kubernetes, falco]'));
    const { exit, codes } = await verify(staged);
    expect([exit, [...codes].sort()]).toEqual([1, ['os.version-floor', 'sysext.required']]);
  });

  test('moves no state, also not one that is named', async () => {
    writeFileSync(join(folder, 'state.json'), JSON.stringify(emptyState));
    expect((await verify(staged, '--state', 'state.json')).exit).toBe(0);
    expect(readFileSync(join(folder, 'state.json'), 'utf8')).toBe(JSON.stringify(emptyState));
  });

  test.each([['--join'], ['--boot'], ['--record'], ['--enforce'], ['--evidence', 'evidence.json']])(
    'is no purpose that goes on record: not with %s',
    async (...options) => {
      const record = join(folder, 'verdict.json');
      const more = options[0] === '--evidence' ? [] : ['--verdict-file', record];
      const { exit, stdout, stderr } = await runIn(folder, ...material, '--next-boot', ...options, ...more);
      expect([exit, stdout]).toEqual([2, '']);
      expect(stderr).toContain('usage.next-boot');
      expect(existsSync(record)).toBe(false);
    },
  );

  test('is exit 4 on a machine without slots', async () => {
    const { '/sys/dev/block/8:3': _, ...without } = staged;
    writeMadeNode(join(folder, 'root'), without);
    const { exit, stderr } = await runIn(folder, ...material, '--root', 'root', '--next-boot');
    expect(exit).toBe(4);
    expect(stderr).toContain('unavailable.boot-disk');
  });
});
