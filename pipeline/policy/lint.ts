import { isNameOnly } from '../trust/index.ts';
import type { Policy } from './schema.ts';

/** Something in a usable policy that its writer should know. */
export type Lint = {
  readonly code: `policy.${string}`;
  readonly where: string;
  readonly message: string;
  readonly next: string;
};

/** Warnings only: what cannot be used is refused while it is parsed. */
export function lintPolicy(policy: Policy, now: Date): readonly Lint[] {
  return [...lintTimes(policy, now), ...lintSigners(policy), ...lintNode(policy), ...lintUnused(policy)];
}

function lintTimes(policy: Policy, now: Date): readonly Lint[] {
  const expired = Date.parse(policy.expiresAt) <= now.getTime();
  return [
    ...(expired
      ? [
          lint(
            'expired',
            'expiresAt',
            `The policy expired ${policy.expiresAt}: it refuses every node`,
            'Issue a new version',
          ),
        ]
      : []),
    ...policy.trust.keys
      .filter((key) => Date.parse(key.validUntil) <= now.getTime())
      .map((key) =>
        lint(
          'key-expired',
          `trust.keys.${key.name}`,
          `Key ${key.name} ended ${key.validUntil}: its signatures count only with a timestamp before that`,
          'Pin its successor',
        ),
      ),
  ];
}

function lintSigners(policy: Policy): readonly Lint[] {
  return policy.signers.flatMap((signer) => {
    const place = `signers.${signer.name}.${signer.kind}`;
    const nameOnly = isNameOnly(signer)
      ? [
          lint(
            'name-only',
            place,
            'Repository and owner are compared by name only: whoever takes the name over passes',
            'Give repository.id and owner.id in a github rule',
          ),
        ]
      : [];
    if (signer.kind !== 'github') return nameOnly;
    return [
      ...nameOnly,
      ...(signer.github.triggers.includes('pull_request_target') || signer.github.triggers.includes('workflow_run')
        ? [
            lint(
              'trigger',
              `${place}.triggers`,
              'pull_request_target and workflow_run run with secrets on code that others can choose',
              'Sign on push, release or workflow_dispatch',
            ),
          ]
        : []),
      ...(signer.github.runnerEnvironment === 'self-hosted'
        ? [
            lint(
              'self-hosted',
              `${place}.runnerEnvironment`,
              'A self-hosted runner is as trustworthy as its machine',
              'Use github-hosted runners where you can',
            ),
          ]
        : []),
      ...(signer.github.ref.includes('**')
        ? [
            lint(
              'ref',
              `${place}.ref`,
              `Any ref that matches ${signer.github.ref} may sign, branches of others with write access too`,
              'Name the release refs: refs/tags/v*',
            ),
          ]
        : []),
    ];
  });
}

function lintNode({ node, slsa, require }: Policy): readonly Lint[] {
  return [
    ...(node.os.versionId === undefined && node.os.versionFloor === undefined
      ? [
          lint(
            'no-floor',
            'node.os',
            'Every release that was ever signed is accepted, old ones with known holes too',
            'Set versionFloor',
          ),
        ]
      : []),
    ...(node.usrVerity === 'required'
      ? []
      : [
          lint(
            'waiver',
            'node.usrVerity',
            `A /usr without verity is accepted until ${node.usrVerity.absentUnsafe.until}`,
            'Boot from disk images, which have verity',
          ),
        ]),
    ...(node.sysexts.requireVerity || node.grades.sysexts !== 'claimed'
      ? []
      : [
          lint(
            'sysext-claimed',
            'node.sysexts',
            'Sysexts are known by their files only: one that was rewritten in place after the merge is not seen',
            'Set requireVerity: true once all sysexts are DDIs',
          ),
        ]),
    ...(node.sysexts.denyUnlisted
      ? []
      : [
          lint(
            'unlisted',
            'node.sysexts.denyUnlisted',
            'Sysexts that no list names are accepted',
            'Set denyUnlisted: true',
          ),
        ]),
    ...(slsa === undefined && require.provenance
      ? [
          lint(
            'slsa',
            'require.provenance',
            'Provenance must be there, and says what it likes: no builder is named',
            'Name the builders under slsa',
          ),
        ]
      : []),
  ];
}

function lintUnused(policy: Policy): readonly Lint[] {
  const used = new Set([
    ...(policy.allow['node-set'] ?? []),
    ...(policy.allow.provenance ?? []),
    ...(policy.allow.sbom ?? []),
    ...(policy.allow.revocation ?? []),
    ...Object.values(policy.allow.member ?? {}).flat(),
  ]);
  return policy.signers
    .filter((signer) => !used.has(signer.name))
    .map((signer) =>
      lint(
        'unused-signer',
        `signers.${signer.name}`,
        `Signer ${signer.name} may sign nothing`,
        'List it under allow, or remove it',
      ),
    );
}

function lint(code: string, where: string, message: string, next: string): Lint {
  return { code: `policy.${code}`, where, message, next };
}
