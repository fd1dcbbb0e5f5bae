import type { Finding, Grade } from '../../core/index.ts';
import type { NodeIdentity, NodeSet } from '../../release/index.ts';
import type { NodeRequirements } from '../schema.ts';
import { isBelowFloor } from '../version.ts';
import { buildFinding } from './finding.ts';

/** Judges what the signer said of a node set besides its identity: for whom and until when. */
export function judgeNodeSet(nodeSet: NodeSet, requirements: NodeRequirements, now: Date): readonly Finding[] {
  const findings: Finding[] = [];
  const { issuedAt, validUntil } = nodeSet.validity;
  if (requirements.role !== undefined && nodeSet.role !== requirements.role) {
    findings.push(
      buildFinding(
        'node-set.role',
        'denied',
        `Cannot use node set ${nodeSet.name}: signed for role ${nodeSet.role ?? 'none'}, want ${requirements.role}`,
        {
          field: 'nodeSet.role',
          actual: nodeSet.role,
          expected: requirements.role,
          next: `Attest a node set with --role ${requirements.role}`,
        },
      ),
    );
  }
  if (validUntil !== null && Date.parse(validUntil) <= now.getTime()) {
    findings.push(
      buildFinding('node-set.expired', 'denied', `Cannot use node set ${nodeSet.name}: valid until ${validUntil}`, {
        field: 'nodeSet.validity.validUntil',
        actual: now.toISOString(),
        expected: `before ${validUntil}`,
        next: 'Update the node to a release that is still valid',
      }),
    );
  }
  if (Date.parse(issuedAt) > now.getTime()) {
    findings.push(
      buildFinding(
        'node-set.not-yet-valid',
        'denied',
        `Cannot use node set ${nodeSet.name}: issued ${issuedAt}, after this clock`,
        {
          field: 'nodeSet.validity.issuedAt',
          actual: now.toISOString(),
          expected: `after ${issuedAt}`,
          next: 'Set the clock of this machine right',
        },
      ),
    );
  }
  return findings;
}

/** Judges the operating system and the extensions of a node by what the policy itself says they must be. */
export function judgeIdentity(
  identity: NodeIdentity,
  requirements: NodeRequirements,
  gradeOf: (field: string) => Grade,
): readonly Finding[] {
  return [
    ...judgeOs(identity, requirements, gradeOf),
    ...judgeSysexts(identity, requirements, gradeOf),
    ...judgeConfexts(identity, requirements, gradeOf),
  ];
}

function judgeOs(
  { os }: NodeIdentity,
  { os: wanted }: NodeRequirements,
  gradeOf: (field: string) => Grade,
): readonly Finding[] {
  const findings: Finding[] = [];
  const differ = (
    code: 'os.id' | 'os.version-id' | 'os.usr-hash' | 'os.architecture' | 'os.version-floor',
    field: string,
    actual: string | null,
    expected: string,
  ) =>
    findings.push(
      buildFinding(code, 'denied', `${field}: ${actual ?? 'absent'}, want ${expected} as the policy says`, {
        field,
        actual,
        expected,
        grade: gradeOf(field),
        next: 'Install the release that the policy wants, or change the policy',
      }),
    );
  if (os.id !== wanted.id) differ('os.id', 'os.id', os.id, wanted.id);
  if (wanted.versionId !== undefined && os.versionId !== wanted.versionId)
    differ('os.version-id', 'os.versionId', os.versionId, wanted.versionId);
  if (wanted.usrHash !== undefined && os.usrHash !== wanted.usrHash)
    differ('os.usr-hash', 'os.usrHash', os.usrHash, wanted.usrHash);
  if (wanted.architectures !== undefined && !wanted.architectures.includes(os.architecture)) {
    differ('os.architecture', 'os.architecture', os.architecture, wanted.architectures.join(' or '));
  }
  if (wanted.versionFloor !== undefined && isBelowFloor(os.versionId, wanted.versionFloor)) {
    differ('os.version-floor', 'os.versionId', os.versionId, `${wanted.versionFloor} or newer`);
  }
  return findings;
}

function judgeSysexts(
  { sysexts }: NodeIdentity,
  { sysexts: wanted, match }: NodeRequirements,
  gradeOf: (field: string) => Grade,
): readonly Finding[] {
  const present = new Set(sysexts.map((member) => member.name));
  const missing = wanted.required
    .filter((name) => !present.has(name))
    .map((name) =>
      buildFinding('sysext.required', 'denied', `Required sysext ${name} is not merged`, {
        field: `sysexts.${name}`,
        actual: null,
        expected: 'merged',
        grade: 'claimed',
        next: `Install ${name} and merge again: systemctl restart systemd-sysext`,
      }),
    );
  // With match: set the signed set lists what may be there; the policy's list narrows it only where it was written.
  const listed = new Set([...wanted.required, ...wanted.allowed]);
  const narrows = match === 'members' || wanted.allowed.length > 0;
  const unlisted = !wanted.denyUnlisted || !narrows ? [] : sysexts.filter((member) => !listed.has(member.name));
  return [
    ...missing,
    ...unlisted.map((member) =>
      buildFinding('sysext.unlisted', 'denied', `Sysext ${member.name} is merged and the policy does not list it`, {
        field: `sysexts.${member.name}`,
        actual: `sha256 ${member.sha256}`,
        expected: null,
        grade: gradeOf(`sysexts.${member.name}`),
        next: `Remove ${member.name}, or list it under node.sysexts.allowed`,
      }),
    ),
  ];
}

function judgeConfexts(
  { confexts }: NodeIdentity,
  { confexts: wanted, match }: NodeRequirements,
  gradeOf: (field: string) => Grade,
): readonly Finding[] {
  if (!wanted.denyUnlisted || (match === 'set' && wanted.allowed.length === 0)) return [];
  return confexts
    .filter((member) => !wanted.allowed.includes(member.name))
    .map((member) =>
      buildFinding('confext.unlisted', 'denied', `Confext ${member.name} is merged and the policy does not list it`, {
        field: `confexts.${member.name}`,
        actual: `sha256 ${member.sha256}`,
        expected: null,
        grade: gradeOf(`confexts.${member.name}`),
        next: `Remove ${member.name}, or list it under node.confexts.allowed`,
      }),
    );
}
