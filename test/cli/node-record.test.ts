import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withTimeout, parseTimeout } from '../../pipeline/cli/timeout.ts';
import { type VerdictPurpose, VerdictRecord } from '../../pipeline/cli/verdict-record.ts';
import type { World } from '../../pipeline/cli/world.ts';
import { Digest, exit, Fault } from '../../pipeline/core/index.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { mergeStateDigest } from '../../pipeline/evidence/index.ts';
import { betaNode, openMadeNode, replace, stableNode } from '../evidence/made-node.ts';
import { policy } from '../evidence/made-release.ts';
import { runIn } from './world.ts';

let folder: string;
let said: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  said = '';
  writeFileSync(join(folder, 'policy.yaml'), policy());
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const world = (): World => ({
  directory: folder,
  environment: {},
  now: () => new Date('2026-11-22T12:00:00Z'),
  stdout: { write: () => undefined, isTerminal: false },
  stderr: { write: (text) => void (said += text), isTerminal: false },
});

const path = () => join(folder, 'run/verdict.json');
const begin = (purpose: VerdictPurpose) => new VerdictRecord(path(), purpose, world());

function read(): Record<string, unknown> {
  const record: Record<string, unknown> = JSON.parse(readFileSync(path(), 'utf8'));
  return record;
}

const report = {
  subject: 'this node',
  verdict: { verdict: 'admit', exit: exit.admit, checked: [], findings: [], waivers: [] },
  judgement: { identityDigest: null, ignored: [] },
  policy: { name: 'workers', version: 7, digest: Digest.of('sha256', 'policy') },
  time: '2026-11-22T12:00:00.000Z',
  simulated: false,
} as const;

describe('The verdict on record', () => {
  test('is pending from the start, whatever was there before', () => {
    begin('join');
    expect(read()).toEqual({
      type: 'https://nodeproof.dev/node-verdict/v1',
      status: 'pending',
      purpose: 'join',
      bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      time: '2026-11-22T12:00:00.000Z',
    });
  });

  test('ends with the verdict, the state of the merges and the policy', async () => {
    const evidence = await collectEvidence(openMadeNode(stableNode));
    begin('boot').end(report, evidence);
    expect(read()).toMatchObject({
      status: 'admit',
      purpose: 'boot',
      mergeState: Digest.format(mergeStateDigest(evidence)),
      verdict: { verdict: 'admit', policy: { digest: Digest.format(report.policy.digest) } },
    });
  });

  test('is a refusal where there was no verdict', () => {
    begin('check').fail(new Fault('file.read', 'Cannot read it'));
    expect(read()).toMatchObject({ status: 'refuse', error: { code: 'file.read', message: 'Cannot read it' } });
    begin('check').fail(new TypeError('odd'));
    expect(read()).toMatchObject({ status: 'refuse', error: { code: 'bug.unexpected', message: 'odd' } });
  });

  test('can be read by everybody and replaces a link instead of following it', () => {
    begin('join');
    rmSync(path());
    writeFileSync(join(folder, 'precious'), 'kept');
    symlinkSync(join(folder, 'precious'), path());
    begin('join');
    expect(lstatSync(path()).isFile()).toBe(true);
    expect(lstatSync(path()).mode & 0o777).toBe(0o644);
    expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('kept');
  });

  test('is not written through a link in the place of its directory, which is told and changes no verdict', () => {
    symlinkSync(folder, join(folder, 'run'));
    begin('join');
    expect(said).toContain('file.write');
    expect(() => read()).toThrow('ENOENT');
  });
});

describe('The state of the merges', () => {
  const digestOf = async (node: typeof stableNode) =>
    Digest.format(mergeStateDigest(await collectEvidence(openMadeNode(node))));

  test('is the same for the same merges, and another for each other one', async () => {
    const other = replace(stableNode, '/proc/self/mountinfo', '0:38 / /usr', '0:44 / /usr');
    const digests = await Promise.all([stableNode, stableNode, other, betaNode].map(digestOf));
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(3);
  });
});

describe('node verify on this machine, which nobody signed', () => {
  test.for(['--join', '--boot', '--record'])('%s refuses, and says so on record', async (purpose) => {
    const args = ['node', 'verify', '--policy', 'policy.yaml', '--verdict-file', path(), purpose];
    const { exit: code } = await runIn(folder, ...args);
    // Where it cannot be looked at without root, a policy lets kubelet start at boot.
    expect(code === 0 ? read() : { status: 'refuse' }).toMatchObject({ status: 'refuse' });
    expect(read()).toMatchObject({ status: 'refuse', purpose: purpose === '--record' ? 'check' : purpose.slice(2) });
  });

  test.for([
    ['--join', '--boot'],
    ['--boot', '--record'],
    ['--enforce', '--join'],
  ])('takes one purpose at a time, not %s and %s', async (purposes) => {
    const { exit: code, stderr } = await runIn(folder, 'node', 'verify', '--policy', 'policy.yaml', ...purposes);
    expect([code, stderr]).toEqual([2, expect.stringContaining('usage.purpose')]);
  });

  test('records nothing where somebody merely asks', async () => {
    await runIn(folder, 'node', 'verify', '--policy', 'policy.yaml', '--verdict-file', path());
    expect(() => read()).toThrow('ENOENT');
  });

  test('takes no timeout that is none', async () => {
    const { exit: code, stderr } = await runIn(folder, 'node', 'verify', '--policy', 'policy.yaml', '--timeout', '0');
    expect([code, stderr]).toEqual([2, expect.stringContaining('usage.timeout')]);
  });
});

describe('node verify --boot where a trust pack is missing', () => {
  const boot = () =>
    runIn(
      folder,
      'node',
      'verify',
      '--policy',
      'policy.yaml',
      '--trust-pack',
      'none.json',
      '--boot',
      '--verdict-file',
      path(),
    );

  test('lets kubelet start, and reports', async () => {
    expect(await boot()).toMatchObject({ exit: 0, stderr: expect.stringContaining('file.missing') });
    expect(read()).toMatchObject({ status: 'refuse', error: { code: 'file.missing' } });
  });

  test('does not where the policy says so', async () => {
    writeFileSync(join(folder, 'policy.yaml'), policy(7, '  boot: { unjudged: stop }\n'));
    expect(await boot()).toMatchObject({ exit: 4, stderr: expect.stringContaining('file.missing') });
    expect(read()).toMatchObject({ status: 'refuse', error: { code: 'file.missing' } });
  });

  test('does not where the policy itself is missing', async () => {
    rmSync(join(folder, 'policy.yaml'));
    expect((await boot()).exit).toBe(4);
  });
});

describe('A timeout', () => {
  test('gives up what takes longer', async () => {
    vi.useFakeTimers();
    try {
      const waiting = withTimeout(60, () => new Promise(() => undefined));
      const refused = expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'unavailable.timeout' }));
      await vi.advanceTimersByTimeAsync(60_000);
      await refused;
    } finally {
      vi.useRealTimers();
    }
  });

  test('tells the step, which changes nothing afterwards', async () => {
    vi.useFakeTimers();
    try {
      let changed = false;
      const slow = async (signal: AbortSignal) => {
        await new Promise((resolve) => setTimeout(resolve, 70_000));
        signal.throwIfAborted();
        changed = true;
      };
      const refused = expect(withTimeout(60, slow)).rejects.toThrow('no verdict after 60 seconds');
      await vi.advanceTimersByTimeAsync(80_000);
      await refused;
      expect(changed).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  test('lets pass what ends before, and its faults', async () => {
    await expect(withTimeout(60, async () => 'done')).resolves.toBe('done');
    await expect(
      withTimeout(60, async () => {
        throw new Fault('file.read', 'Cannot read it');
      }),
    ).rejects.toThrow('Cannot read it');
  });

  test.for(['0', '-1', '1.5', '3601', '', 'soon', '1e3'])('is no %j', (text) => {
    expect(() => parseTimeout(text)).toThrow('want whole seconds');
  });
});
