import { describe, expect, it } from 'vitest';
import {
  type Checked,
  decide,
  exit,
  exitOf,
  type Finding,
  type Grade,
  lowerGrade,
  meetsGrade,
  type Reason,
} from '../../pipeline/core/index.ts';

const checked: Checked = { fact: 'os.usrHash', value: 'aa', grade: 'kernel', source: 'dmsetup table' };
const finding = (reason: Reason): Finding => ({
  code: `test.${reason}`,
  reason,
  message: '',
  field: '',
  actual: null,
  expected: null,
  grade: null,
  next: '',
});
const judge = (findings: Finding[], facts = [checked]) => decide({ checked: facts, findings, waivers: [] });

describe('a verdict', () => {
  it('admits what was checked and where nothing was found', () => {
    expect(judge([])).toMatchObject({ verdict: 'admit', exit: exit.admit });
  });

  it('refuses where nothing was checked', () => {
    expect(judge([], [])).toMatchObject({
      verdict: 'refuse',
      exit: exit.denied,
      findings: [{ code: 'verdict.nothing-checked' }],
    });
  });

  it.each([
    [['denied'], exit.denied],
    [['untrusted'], exit.untrusted],
    [['unavailable'], exit.unavailable],
    [['unavailable', 'denied', 'untrusted'], exit.untrusted],
    [['unavailable', 'denied'], exit.denied],
  ] as const)('with findings %j exits %i', (reasons, code) => {
    expect(judge(reasons.map(finding))).toMatchObject({ verdict: 'refuse', exit: code });
  });

  it('tells the gravest finding first', () => {
    expect(judge([finding('unavailable'), finding('untrusted')]).findings[0]?.reason).toBe('untrusted');
  });

  it('cannot be changed after it was made', () => {
    expect(Object.isFrozen(judge([]))).toBe(true);
  });
});

describe('an exit code', () => {
  it.each([
    ['usage.unknown-option', exit.usage],
    ['policy.field', exit.usage],
    ['key.pem', exit.usage],
    ['config.build-context', exit.usage],
    ['file.missing', exit.unavailable],
    ['network.timeout', exit.unavailable],
    ['squashfs.superblock', exit.untrusted],
    ['bundle.field', exit.untrusted],
    ['limit.tree-depth', exit.untrusted],
  ] as const)('of a fault %s is %i', (code, expected) => {
    expect(exitOf(code)).toBe(expected);
  });
});

describe('grades', () => {
  it('are ordered from a claim to an anchored quote', () => {
    const order: Grade[] = ['claimed', 'kernel', 'quoted', 'anchored'];
    for (const [at, grade] of order.entries()) {
      for (const [other, wanted] of order.entries()) {
        expect(meetsGrade(grade, wanted)).toBe(at >= other);
        expect(lowerGrade(grade, wanted)).toBe(order[Math.min(at, other)]);
      }
    }
  });
});
