import type { SignerRule } from '../trust/index.ts';
import type { Policy } from './schema.ts';

export type Section = { readonly title: string; readonly sentences: readonly string[] };

/** Says in words what a policy requires: what somebody reviews before it reaches nodes. */
export function explainPolicy(policy: Policy): readonly Section[] {
  return [
    {
      title: 'Validity',
      sentences: [
        `Version ${policy.version}, issued ${policy.issuedAt}, refuses everything from ${policy.expiresAt} on.`,
        ...explainFreshness(policy),
      ],
    },
    { title: 'Anchors', sentences: explainAnchors(policy) },
    { title: 'Signers', sentences: policy.signers.map(explainSigner) },
    { title: 'Who may sign what', sentences: explainAllow(policy) },
    { title: 'What a node must be', sentences: explainNode(policy) },
    {
      title: 'Revoked',
      sentences:
        policy.revocations.length === 0
          ? ['Nothing.']
          : policy.revocations.map(
              ({ why, since, ...what }) =>
                `${Object.entries(what)
                  .map(([kind, value]) => `${kind} ${value}`)
                  .join(', ')}${since === undefined ? '' : ` from ${since} on`}: ${why}.`,
            ),
    },
  ];
}

function explainFreshness({ trustPack, maximumSignatureAgeDays }: Policy): readonly string[] {
  return [
    ...(trustPack === undefined ? [] : ['There must be a trust pack: bundles alone say nothing of their freshness.']),
    ...(trustPack?.minimumVersion === undefined
      ? []
      : [`A trust pack must have version ${trustPack.minimumVersion} or a later one.`]),
    ...(trustPack?.maximumAgeDays === undefined
      ? []
      : [`A trust pack must be at most ${trustPack.maximumAgeDays} days old.`]),
    ...(maximumSignatureAgeDays === undefined
      ? []
      : [`A signature must be at most ${maximumSignatureAgeDays} days old, by an authenticated time.`]),
  ];
}

function explainAnchors({ trust }: Policy): readonly string[] {
  return [
    ...trust.roots.map(
      ({ name, sha256, builtin, issuers, thresholds }) =>
        `Root ${name} (${sha256 === undefined ? `built in: ${builtin ?? ''}` : `sha256 ${sha256}`}) may vouch for ${issuers.join(' and ')}, and wants at least: transparency log entries ${thresholds.tlog}, certificate timestamps ${thresholds.sct}, authenticated times ${thresholds.timestamps}.`,
    ),
    ...trust.keys.map(
      ({ name, spkiSha256, validFrom, validUntil }) =>
        `Key ${name} (SPKI sha256 ${spkiSha256}) signs ${validFrom === null ? '' : `from ${validFrom} `}until ${validUntil}.`,
    ),
  ];
}

function explainSigner(signer: SignerRule): string {
  switch (signer.kind) {
    case 'key':
      return `${signer.name}: whoever holds key ${signer.key}.`;
    case 'certificate':
      return `${signer.name}: exactly ${signer.certificate.identity}, as ${signer.certificate.issuer} says, under root ${signer.root}.`;
    default: {
      const { repository, owner, builder, caller, ref, triggers, runnerEnvironment, environment } = signer.github;
      const id = (value: string | undefined) => (value === undefined ? 'ANY ID' : `id ${value}`);
      return `${signer.name}: workflow ${builder}, started by ${caller}, in repository ${repository.name} (${id(repository.id)}) of ${owner.name} (${id(owner.id)}), at ${ref}, on ${triggers.join(', ')}, on a ${runnerEnvironment} runner${environment === undefined ? '' : `, in environment ${environment}`}, under root ${signer.root}. In patterns * stands for any part of one path segment, ** for any text.`;
    }
  }
}

function explainAllow({ allow, require, slsa }: Policy): readonly string[] {
  const by = (names: readonly string[] | undefined) =>
    names === undefined || names.length === 0 ? 'nobody' : names.join(' or ');
  return [
    `A node set counts if signed by ${by(allow['node-set'])}.`,
    `Provenance counts if signed by ${by(allow.provenance)}${require.provenance ? ', and must be there' : ''}.`,
    `An SBOM counts if signed by ${by(allow.sbom)}${require.sbom ? ', and must be there' : ''}.`,
    ...Object.entries(allow.member ?? {}).map(
      ([name, signers]) => `Sysext ${name} on its own counts if its provenance is signed by ${by(signers)}.`,
    ),
    `Revocations in a trust pack count if signed by ${by(allow.revocation)}.`,
    ...(slsa === undefined
      ? []
      : [
          `SLSA build level ${slsa.minimumLevel} is wanted; trusted builders: ${slsa.builders.map(({ id, level, signers }) => `${id} (level ${level}, where ${signers.join(' or ')} signed)`).join(', ') || 'none'}.`,
          ...(slsa.buildTypes.length === 0
            ? []
            : [
                `Build types are nodeproof's own, or ${slsa.buildTypes.join(' or ')}, whose parameters are NOT CHECKED.`,
              ]),
        ]),
  ];
}

function explainNode({ node }: Policy): readonly string[] {
  const { os, sysexts, confexts } = node;
  return [
    node.match === 'set'
      ? 'It must be exactly a signed node set.'
      : 'Its operating system must be that of a signed node set; each sysext must be in that set or attested on its own.',
    `Its operating system must be ${os.id}${os.versionId === undefined ? '' : ` ${os.versionId}`}${os.versionFloor === undefined ? '' : ` ${os.versionFloor} or newer`}${os.architectures === undefined ? '' : ` for ${os.architectures.join(' or ')}`}${os.usrHash === undefined ? '' : ` with usr hash ${os.usrHash}`}.`,
    ...(node.role === undefined ? [] : [`The node set must be for role ${node.role}.`]),
    node.usrVerity === 'required'
      ? '/usr must run from dm-verity.'
      : `WAIVED until ${node.usrVerity.absentUnsafe.until}: /usr may run without dm-verity (${node.usrVerity.absentUnsafe.why}).`,
    `Sysexts: required ${sysexts.required.join(', ') || 'none'}; allowed besides ${sysexts.allowed.join(', ') || (node.match === 'set' ? 'what the node set lists' : 'none')}; others are ${sysexts.denyUnlisted ? 'refused' : 'ACCEPTED'}${sysexts.requireVerity ? '; each must run from dm-verity' : ''}.`,
    `Confexts: allowed ${confexts.allowed.join(', ') || (node.match === 'set' ? 'what the node set lists' : 'none')}; others are ${confexts.denyUnlisted ? 'refused' : 'ACCEPTED'}.`,
    `The kernel command line must ${node.commandLine === 'node-set' ? 'fit the grammar of the node set' : 'have none of the denied arguments'}.`,
    `At boot kubelet ${node.boot.unjudged === 'start' ? 'starts also' : 'does not start'} where the node could not be judged.`,
    `Facts must be known at least as: usr hash ${node.grades.usrHash}, sysexts ${node.grades.sysexts}, other facts of the OS ${node.grades.os}.`,
  ];
}
