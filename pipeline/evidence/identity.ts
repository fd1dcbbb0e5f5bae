import { Fault, type Finding, type Grade, lowerGrade } from '../core/index.ts';
import type { VerityTarget } from '../formats/device-mapper/index.ts';
import { buildIdentity, type ExtensionMember, type NodeIdentity } from '../release/index.ts';
import type { Evidence, Extension, ExtensionState } from './evidence.ts';
import { extensionMapping, isImage, verityOf } from './extension-backing.ts';
import { buildFinding } from './finding.ts';
import type { NextBoot } from './next-boot.ts';

/** The identity that evidence gives, with how each field is known. */
export type EvidenceIdentity = {
  readonly identity: NodeIdentity;
  /** The lowest grade of its fields. */
  readonly grade: Grade;
  /** By a field's path: `os.usrHash`, `sysexts.kubernetes`, `sysexts.kubernetes.sha256`. */
  readonly gradeOf: (field: string) => Grade;
};

/**
 * Makes the identity of what runs: the lower /usr's os-release, the root hash in the kernel's table of the device under
 * /usr, and the extensions that are merged. Findings where a field that every identity needs cannot be told.
 */
export function buildEvidenceIdentity(
  evidence: Evidence,
): EvidenceIdentity | { readonly findings: readonly Finding[] } {
  const { mapping } = evidence.usr;
  return identityOf({
    ...evidence,
    usrHash: { value: usrVerityOf(evidence)?.rootHash ?? null, grade: mapping.grade },
    gradeOf: (extension) => (extensionMapping(extension, evidence) === undefined ? 'claimed' : 'kernel'),
  });
}

/** Makes the identity of what the next boot would run; findings as of buildEvidenceIdentity, and where it would fetch a part of it. */
export function buildNextIdentity(next: NextBoot): EvidenceIdentity | { readonly findings: readonly Finding[] } {
  const { usr, missing } = next;
  if (missing.length > 0) return { findings: missing.map(missingExtension) };
  const claimed = (value: string | null) => ({ value, grade: 'claimed' as const });
  return identityOf({
    ...next,
    os: {
      id: claimed(usr?.os.id ?? null),
      versionId: claimed(usr?.os.versionId ?? null),
      buildId: claimed(usr?.os.buildId ?? null),
      architecture: claimed(usr?.architecture ?? null),
    },
    usrHash: claimed(usr?.verity?.rootHash ?? null),
    gradeOf: () => 'claimed',
  });
}

/** What the initrd fetches in its place cannot be told before it does. */
function missingExtension({ name, paths }: NextBoot['missing'][number]): Finding {
  return buildFinding(
    'extension.not-there',
    'unavailable',
    `The next boot wants extension ${name} from ${paths.join(' or ')}, which is not there: it would fetch it, or fail`,
    {
      field: `sysexts.${name}`,
      actual: null,
      expected: paths[0] ?? null,
      next: 'Have update_engine finish, or put the attested image there before the reboot',
    },
  );
}

type Fact = { readonly value: string | null; readonly grade: Grade };

type Facts = Pick<Evidence, 'sysexts' | 'confexts' | 'unread'> & {
  readonly os: Readonly<Record<'id' | 'versionId' | 'buildId' | 'architecture', Fact>>;
  readonly usrHash: Fact;
  readonly gradeOf: (extension: Extension) => Grade;
};

function identityOf(facts: Facts): EvidenceIdentity | { readonly findings: readonly Finding[] } {
  const { id, versionId, buildId, architecture } = facts.os;
  const sysexts = membersOf('sysexts', facts);
  const confexts = membersOf('confexts', facts);
  const findings = [...sysexts.findings, ...confexts.findings, ...missingFacts(facts)];
  if (findings.length > 0 || id.value === null || architecture.value === null) return { findings };
  try {
    const identity = buildIdentity({
      os: {
        id: id.value,
        versionId: versionId.value,
        buildId: buildId.value,
        architecture: architecture.value,
        usrHash: facts.usrHash.value,
      },
      sysexts: [...sysexts.members],
      confexts: [...confexts.members],
    });
    const fields = new Map<string, Grade>([
      ['os.id', id.grade],
      ['os.versionId', versionId.grade],
      ['os.buildId', buildId.grade],
      ['os.architecture', architecture.grade],
      ['os.usrHash', facts.usrHash.grade],
      ...sysexts.grades,
      ...confexts.grades,
    ]);
    return {
      identity,
      grade: [...fields.values()].reduce(lowerGrade, 'anchored'),
      gradeOf: (field) => gradeIn(fields, field),
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return {
      findings: [
        buildFinding('evidence.identity', 'untrusted', `Cannot make the identity of this node: ${error.message}`, {
          field: error.where ?? 'identity',
          actual: null,
          expected: 'facts of an identity',
          next: 'Look at nodeproof node collect',
        }),
      ],
    };
  }
}

/** A fact of a member is as well known as the member; what is not there is claimed. */
function gradeIn(fields: ReadonlyMap<string, Grade>, field: string): Grade {
  return fields.get(field) ?? fields.get(field.replace(/\.(?:sha256|rootHash)$/, '')) ?? 'claimed';
}

/** The verity target under /usr, where the whole mapping is one. What else its table must be is judged. */
export function usrVerityOf({ usr }: Evidence): VerityTarget | null {
  return verityOf(usr.mapping.value);
}

type Members = {
  readonly members: readonly ExtensionMember[];
  readonly grades: readonly (readonly [string, Grade])[];
  readonly findings: readonly Finding[];
};

function membersOf(kind: 'sysexts' | 'confexts', facts: Facts): Members {
  const outcomes = (facts[kind].merged.value ?? []).map((name) => memberOf(kind, name, facts));
  return {
    members: outcomes.flatMap((outcome) => ('member' in outcome ? [outcome.member] : [])),
    grades: outcomes.flatMap((outcome) =>
      'member' in outcome ? [[`${kind}.${outcome.member.name}`, outcome.grade] as const] : [],
    ),
    findings: outcomes.flatMap((outcome) => ('finding' in outcome ? [outcome.finding] : [])),
  };
}

function memberOf(
  kind: 'sysexts' | 'confexts',
  name: string,
  facts: Facts,
): { member: ExtensionMember; grade: Grade } | { finding: Finding } {
  const field = `${kind}.${name}`;
  const [extension, ...others] = visibleExtensions(facts[kind], name);
  if (extension === undefined) {
    return {
      finding: buildFinding(
        'extension.vanished',
        'untrusted',
        `Extension ${name} is merged and no image of that name is in the extension directories`,
        { field, actual: 'merged', expected: 'an image', next: 'Put the image back and merge again, or reboot' },
      ),
    };
  }
  if (others.length > 0) {
    const paths = [extension, ...others].map((one) => one.path).join(', ');
    return {
      finding: buildFinding(
        'extension.ambiguous',
        'denied',
        `Extension ${name} is merged and may be any of ${paths}: systemd takes the one that it happens to see first`,
        { field, actual: paths, expected: 'one image', next: 'Remove all but one, and merge again' },
      ),
    };
  }
  if (extension.kind !== 'raw') {
    return {
      finding: buildFinding(
        'extension.directory',
        'denied',
        `Extension ${name} is a ${extension.kind.replace('-', ' ')} at ${extension.path}: only an image file has a digest that could be signed`,
        {
          field,
          actual: extension.kind,
          expected: 'an image',
          next: `Remove ${extension.path}, or build an image of it and attest that`,
        },
      ),
    };
  }
  if (extension.sha256.value === null) {
    const problem = extension.problem?.message ?? 'it could not be read';
    return {
      finding: buildFinding('extension.unreadable', 'unavailable', `Extension ${name} cannot be read: ${problem}`, {
        field,
        actual: null,
        expected: 'a readable image',
        next: 'Run as root; look at the file',
      }),
    };
  }
  return {
    member: { name, sha256: extension.sha256.value, rootHash: extension.rootHash.value },
    grade: facts.gradeOf(extension),
  };
}

/** What may be merged under a name. Several only where one directory holds them. */
export function visibleExtensions(state: ExtensionState, name: string): readonly Extension[] {
  return state.found.filter((extension) => extension.name === name && !extension.hidden && isImage(extension));
}

function missingFacts({ os, unread }: Facts): readonly Finding[] {
  const facts = [
    ['os.id', os.id.value],
    ['os.architecture', os.architecture.value],
  ] as const;
  return facts
    .filter(([, value]) => value === null)
    .map(([field]) =>
      buildFinding(
        'evidence.missing',
        'unavailable',
        `Cannot tell ${field} of this node${unread[0] === undefined ? '' : `: ${unread[0].message}`}`,
        { field, actual: null, expected: 'a value', next: 'Look at unread in nodeproof node collect --json' },
      ),
    );
}
