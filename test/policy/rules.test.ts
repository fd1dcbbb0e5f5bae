import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  advanceState,
  emptyState,
  explainPolicy,
  lintPolicy,
  parseState,
  policyJsonSchema,
} from '../../pipeline/policy/index.ts';
import { compareVersions } from '../../pipeline/policy/version.ts';
import {
  honestEvidence,
  identityOf,
  keys,
  makePolicy,
  nodeSetStatement,
  signStatement,
  tryNode,
} from './red-team-release.ts';

const evidence = await honestEvidence();
const release = signStatement(keys.release, nodeSetStatement(identityOf(evidence)));
const at = (time: string) => new Date(time);

describe('Versions', () => {
  test.each([
    ['4593.2.5', '4593.2.5', 0],
    ['4593.2', '4593.2.0', 0],
    ['4593.10.0', '4593.9.9', 1],
    ['999.9.9', '4593.0.0', -1],
    ['4593.2.5-nightly', '4593.2.5', undefined],
    ['4593..5', '4593.2.5', undefined],
    ['', '1', undefined],
    ['1.2.3.4.5.6.7', '1', undefined],
  ] as const)('%s against %s is %s', (left, right, order) => {
    expect(compareVersions(left, right)).toBe(order);
  });

  test('are ordered one way only', () => {
    const version = fc.array(fc.nat(5000), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, (left, right) => {
        expect((compareVersions(left, right) ?? 9) + (compareVersions(right, left) ?? 9)).toBe(0);
      }),
    );
  });
});

describe('A time', () => {
  const codes = (policy: object, now: string, state = emptyState) =>
    tryNode(evidence, makePolicy({ ...policy }), [release], { now: at(now), state }).codes;

  test('of expiry is the first at which a policy counts no more', () => {
    expect(codes({ expiresAt: '2026-12-01T00:00:00Z' }, '2026-11-30T23:59:59Z')).toEqual([]);
    expect(codes({ expiresAt: '2026-12-01T00:00:00Z' }, '2026-12-01T00:00:00Z')).toEqual(['policy.expired']);
  });

  test('of issue is the first at which a policy counts', () => {
    expect(codes({ issuedAt: '2026-11-22T00:00:00Z' }, '2026-11-22T00:00:00Z')).toEqual([]);
    expect(codes({ issuedAt: '2026-11-22T00:00:00Z' }, '2026-11-21T23:59:59Z')).toEqual(['policy.not-yet-valid']);
  });

  test('that was authenticated before is not in the future', () => {
    const state = { ...emptyState, newestTime: '2026-11-22T00:00:00Z' };
    expect(codes({}, '2026-11-22T00:00:00Z', state)).toEqual([]);
    expect(codes({}, '2026-11-21T23:59:59Z', state)).toEqual(['clock.set-back']);
  });
});

describe('The state', () => {
  const accept = (state: typeof emptyState, version: number, times: readonly string[] = []) =>
    advanceState(state, { policy: { name: 'workers', version }, pack: { name: 'pack', version }, times });

  test('rises and never falls', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1 }), (versions) => {
        const times = (version: number) => [new Date(Date.UTC(2026, 0, version)).toISOString()];
        const state = versions.reduce((before, version) => accept(before, version, times(version)), emptyState);
        const highest = Math.max(...versions);
        expect(state.policyVersions).toEqual({ workers: highest });
        expect(state.packVersions).toEqual({ pack: highest });
        expect(state.newestTime).toBe(times(highest)[0]);
      }),
    );
  });

  test('accepts the same version again, and refuses the one before', () => {
    const state = accept(emptyState, 2);
    const codes = (version: number) => tryNode(evidence, makePolicy({ version }), [release], { state }).codes;
    expect(codes(2)).toEqual([]);
    expect(codes(3)).toEqual([]);
    expect(codes(1)).toEqual(['policy.rolled-back']);
  });

  test('is read as it was written', () => {
    const state = accept(emptyState, 4, ['2026-11-22T00:00:00Z']);
    expect(parseState(Buffer.from(JSON.stringify(state)))).toEqual(state);
  });
});

describe('policy check warns of', () => {
  const warnings = (policy: object, node: object = {}) =>
    lintPolicy(makePolicy({ ...policy }, node).policy, at('2026-11-22T12:00:00Z')).map((lint) => lint.code);

  test.each<[string, object, object]>([
    ['policy.expired', { expiresAt: '2026-11-22T12:00:00Z' }, {}],
    ['policy.no-floor', {}, {}],
    ['policy.sysext-claimed', {}, {}],
    ['policy.unlisted', {}, { sysexts: { denyUnlisted: false } }],
    ['policy.slsa', { require: { provenance: true } }, {}],
    ['policy.unused-signer', { allow: { 'node-set': ['release'] } }, {}],
    ['policy.waiver', {}, { usrVerity: { absentUnsafe: { why: 'PXE', until: '2027-01-01T00:00:00Z' } } }],
  ])('%s', (code, policy, node) => {
    expect(warnings(policy, node)).toContain(code);
  });

  test('nothing where nothing is lax', () => {
    const strict = { os: { id: 'flatcar', versionFloor: '4593.2.0' }, sysexts: { requireVerity: true } };
    expect(warnings({}, strict)).toEqual([]);
  });
});

describe('policy explain', () => {
  const text = (policy: object, node: object = {}) =>
    explainPolicy(makePolicy({ ...policy }, node).policy)
      .flatMap((section) => section.sentences)
      .join('\n');

  test('says in capitals what is lax', () => {
    expect(text({}, { sysexts: { denyUnlisted: false } })).toContain('others are ACCEPTED');
    const slsa = { builders: [], minimumLevel: 0, buildTypes: ['https://ci.example/type/v1'] };
    expect(text({ slsa })).toMatch(/https:\/\/ci\.example\/type\/v1, whose parameters are NOT CHECKED/);
    expect(text({}, { usrVerity: { absentUnsafe: { why: 'PXE', until: '2027-01-01T00:00:00Z' } } })).toMatch(
      /WAIVED until/,
    );
  });

  test('says who may sign nothing', () => {
    expect(text({ allow: { 'node-set': ['release'] } })).toContain('Provenance counts if signed by nobody.');
  });

  test('says that a trust pack must be there where its age matters', () => {
    expect(text({ trustPack: { maximumAgeDays: 7 } })).toContain('There must be a trust pack');
  });
});

test('The JSON Schema of policies tells editors every field', () => {
  const schema = policyJsonSchema() as {
    readonly properties: Readonly<Record<string, unknown>>;
    readonly required: readonly string[];
  };
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(['trust', 'signers', 'allow', 'node', 'slsa', 'revocations']),
  );
  expect(schema.required).toEqual(expect.arrayContaining(['name', 'version', 'expiresAt', 'trust', 'signers', 'node']));
  expect(schema.required).not.toContain('revocations');
});
