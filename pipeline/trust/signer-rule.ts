import * as z from 'zod/mini';
import { Fault } from '../core/index.ts';
import { plainName } from '../formats/schema/index.ts';
import { issuerUrl, type Trust } from './anchors.ts';
import { isGlob } from './glob.ts';

/** The issuer of the tokens of GitHub Actions on github.com. */
const githubActionsIssuer = 'https://token.actions.githubusercontent.com';

const text = z.string().check(z.minLength(1), z.maxLength(512));
const exactText = text.check(z.refine((value) => !value.includes('*'), 'compared as a whole: no * here'));
const glob = text.check(z.refine(isGlob, 'not a glob: *, ** and literal text'));

/**
 * A workflow's URI, whose host, owner and repository are literal: a star there would let another repository in. So would
 * `**` in the path reach over the `@`, which a branch may have in its name: `release.yml@refs/heads/x@refs/tags/v1`.
 */
const workflowGlob = glob.check(
  z.refine(
    (value) => /^https:\/\/[^/*]+\/[^/*]+\/[^/*]+\/[^@]+@/.test(value),
    'want https://HOST/OWNER/REPOSITORY/PATH@REF with literal host, owner and repository',
  ),
  z.refine(
    (value) => !value.slice(0, value.indexOf('@')).includes('**'),
    'no ** before the @: workflows lie in one folder',
  ),
);

/** GitHub's numeric ids are compared as text; YAML writes them either way. */
const numericId = z.pipe(
  z.union([z.string().check(z.regex(/^[1-9][0-9]{0,18}$/)), z.int().check(z.positive())]),
  z.transform(String),
);

const githubSchema = z
  .strictObject({
    repository: z.strictObject({
      name: text.check(z.regex(/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/)),
      id: z.optional(numericId),
    }),
    owner: z.strictObject({ name: text.check(z.regex(/^[A-Za-z0-9-]+$/)), id: z.optional(numericId) }),
    /** The workflow that held the signing token (`job_workflow_ref`), which a reusable workflow differs from its caller in. */
    builder: workflowGlob,
    /** The workflow that the run started from (build config URI). */
    caller: workflowGlob,
    ref: glob,
    triggers: z._default(z.array(exactText).check(z.minLength(1), z.maxLength(32)), [
      'push',
      'release',
      'workflow_dispatch',
    ]),
    runnerEnvironment: z._default(z.enum(['github-hosted', 'self-hosted']), 'github-hosted'),
    /** The deployment environment that the job ran in; not compared where left out. */
    environment: z.optional(exactText),
    /** Where the repository lives, for GitHub Enterprise. */
    server: z._default(z.string().check(z.regex(/^https:\/\/[a-z0-9.-]+(?::[0-9]+)?$/)), 'https://github.com'),
    issuer: z._default(issuerUrl, githubActionsIssuer),
    /** Names alone can be taken over by others once they are free: leaving the ids out must be typed out. */
    nameOnlyUnsafe: z.optional(z.literal(true)),
  })
  .check(
    z.refine(
      (rule) => rule.nameOnlyUnsafe === true || (rule.repository.id !== undefined && rule.owner.id !== undefined),
      'want repository.id and owner.id (or nameOnlyUnsafe: true, which a renamed or deleted repository defeats)',
    ),
    z.refine(
      (rule) => rule.repository.name.slice(0, rule.repository.name.indexOf('/')) === rule.owner.name,
      'owner.name is not the owner in repository.name',
    ),
  );

const certificateSchema = z
  .strictObject({
    issuer: issuerUrl,
    /** The certificate's subject alternative name, a whole string. */
    identity: exactText,
    /** A workflow's name without the numeric ids, the caller and the trigger, which a `github` rule compares. */
    nameOnlyUnsafe: z.optional(z.literal(true)),
  })
  .check(
    // Whoever calls a reusable workflow gets a certificate with its name, from any repository and for any event.
    z.refine(
      (rule) =>
        rule.nameOnlyUnsafe === true ||
        (rule.issuer !== githubActionsIssuer && !rule.identity.includes('/.github/workflows/')),
      'want a github rule for a workflow: its name alone tells neither the repository that called it nor the event (or nameOnlyUnsafe: true)',
    ),
  );

/** One of the policy's `signers`: exactly one of `github`, `certificate` and `key`. */
export const signerRuleSchema = z.pipe(
  z
    .strictObject({
      name: plainName,
      root: z.optional(plainName),
      github: z.optional(githubSchema),
      certificate: z.optional(certificateSchema),
      key: z.optional(plainName),
    })
    .check(
      z.refine(
        (rule) => [rule.github, rule.certificate, rule.key].filter((kind) => kind !== undefined).length === 1,
        'want exactly one of github, certificate and key',
      ),
      z.refine(
        (rule) => (rule.root !== undefined) !== (rule.key !== undefined),
        'want the root with github or certificate, and none with key',
      ),
    ),
  z.transform((rule): SignerRule => {
    if (rule.github !== undefined)
      return { kind: 'github', name: rule.name, root: rule.root ?? '', github: rule.github };
    if (rule.certificate !== undefined) {
      return { kind: 'certificate', name: rule.name, root: rule.root ?? '', certificate: rule.certificate };
    }
    return { kind: 'key', name: rule.name, key: rule.key ?? '' };
  }),
);

export type GithubRule = Readonly<z.output<typeof githubSchema>>;
export type CertificateRule = Readonly<z.output<typeof certificateSchema>>;

/** Who may sign. `root` and `key` name entries of the policy's section `trust`. */
export type SignerRule =
  | { readonly kind: 'github'; readonly name: string; readonly root: string; readonly github: GithubRule }
  | {
      readonly kind: 'certificate';
      readonly name: string;
      readonly root: string;
      readonly certificate: CertificateRule;
    }
  | { readonly kind: 'key'; readonly name: string; readonly key: string };

/** Whether the rule gave up the numeric ids: something to warn of, and to name in verdicts. */
export function isNameOnly(rule: SignerRule): boolean {
  switch (rule.kind) {
    case 'github':
      return rule.github.nameOnlyUnsafe === true;
    case 'certificate':
      return rule.certificate.nameOnlyUnsafe === true;
    default:
      return false;
  }
}

/**
 * Checks that every signer names a pinned root or key, and an issuer that this root may vouch for: a rule that can never
 * match is a mistake to hear of while writing the policy. Faults: policy.signer.
 */
export function checkSignerReferences(trust: Trust, signers: readonly SignerRule[]): void {
  const seen = new Set<string>();
  for (const rule of signers) {
    if (seen.has(rule.name))
      throw referenceFault(rule, 'the name is taken by another signer', 'Give each signer a name');
    seen.add(rule.name);
    if (rule.kind === 'key') checkKeyReference(trust, rule);
    else checkRootReference(trust, rule, rule.kind === 'github' ? rule.github.issuer : rule.certificate.issuer);
  }
}

function checkKeyReference(trust: Trust, rule: SignerRule & { kind: 'key' }): void {
  if (trust.keys.some((key) => key.name === rule.key)) return;
  throw referenceFault(rule, `no key ${JSON.stringify(rule.key)} in trust.keys`, 'Pin the key in trust.keys');
}

function checkRootReference(trust: Trust, rule: Exclude<SignerRule, { kind: 'key' }>, issuer: string): void {
  const root = trust.roots.find((candidate) => candidate.name === rule.root);
  if (root === undefined) {
    throw referenceFault(rule, `no root ${JSON.stringify(rule.root)} in trust.roots`, 'Pin the root in trust.roots');
  }
  if (!root.issuers.includes(issuer)) {
    throw referenceFault(
      rule,
      `root ${root.name} may not vouch for the issuer ${issuer}`,
      `Add the issuer to trust.roots: ${root.name}, if this root's certificate authority may vouch for it`,
    );
  }
}

function referenceFault(rule: SignerRule, problem: string, next: string): Fault {
  return new Fault('policy.signer', `Cannot use signer ${JSON.stringify(rule.name)}: ${problem}`, {
    where: `signers, ${rule.name}`,
    next,
  });
}
