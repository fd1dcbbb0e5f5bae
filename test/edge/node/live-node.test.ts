import { expect, test } from 'vitest';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { openLiveNode } from '../../../pipeline/edge/node/index.ts';
import { collectEvidence } from '../../../pipeline/collection/index.ts';
import { parseEvidence } from '../../../pipeline/evidence/index.ts';

const isLinux = process.platform === 'linux';

test.skipIf(!isLinux)('The running system gives evidence, whatever it is', async () => {
  await using hashing = openHashingPool(1);
  const evidence = await collectEvidence(openLiveNode({ hashing, now: new Date() }));
  expect(evidence.simulated).toBe(false);
  expect(evidence.kernel.release.value).not.toBeNull();
  expect(parseEvidence(Buffer.from(JSON.stringify(evidence)))).toEqual(evidence);
});

test.skipIf(!isLinux)('Nothing in the environment changes what the running system tells', async () => {
  await using hashing = openHashingPool(1);
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    const live = openLiveNode({ hashing, now: new Date() });
    expect(live.readText('/proc/self/mountinfo', 16_777_216)).toContain(' / ');
    expect(live.readBytes('/proc/self/mountinfo', 16_777_216)?.length).toBeGreaterThan(0);
    expect(live.readBytes('/nowhere', 64)).toBeUndefined();
    expect(live.place('/proc/self/exe')?.kind).toBe('file');
    expect(live.place('/nowhere')).toBeUndefined();
    expect(live.readLink('/proc/self/exe')).toMatch(/^\//);
    expect([live.readLink('/proc'), live.readLink('/nowhere')]).toEqual([undefined, undefined]);
    expect(live.listNames('/nowhere')).toBeUndefined();
    expect(live.readText('/nowhere', 64)).toBeUndefined();
  } finally {
    process.env['PATH'] = path;
  }
});
