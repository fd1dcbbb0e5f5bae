import * as z from 'zod/mini';
import { grades } from '../core/index.ts';
import { plainName, sha256Hex, utcTime } from '../formats/schema/index.ts';
import { isGlob, signerRuleSchema, trustSchema } from '../trust/index.ts';

export const policyApiVersion = 'nodeproof.dev/policy/v1';

/** The attestations that a policy gives signers to, by the short names that people write. */
export const attestationKinds = ['node-set', 'provenance', 'sbom', 'member', 'revocation'] as const;
export type AttestationKind = (typeof attestationKinds)[number];

const text = z.string().check(z.minLength(1), z.maxLength(512));
const hash = z.string().check(z.regex(/^(?:[0-9a-f]{2}){16,64}$/));
const names = z.array(plainName).check(z.maxLength(256));
const grade = z.enum(grades);

/** A waiver needs a reason and an end: it is typed out in full and named in every verdict. */
const waiver = z.strictObject({ why: text, until: utcTime });

const nodeSchema = z.strictObject({
  /** `set`: one signed node set with exactly this identity. `members`: a signed OS, and each sysext attested on its own. */
  match: z._default(z.enum(['set', 'members']), 'set'),
  os: z.strictObject({
    id: text,
    /** Exactly this VERSION_ID; without it any release whose node set is signed. */
    versionId: z.optional(text),
    /** No release below this one, compared number by number. */
    versionFloor: z.optional(z.string().check(z.regex(/^\d{1,9}(?:\.\d{1,9}){0,5}$/))),
    architectures: z.optional(z.array(text).check(z.minLength(1))),
    /** Exactly this verity root hash of /usr. */
    usrHash: z.optional(hash),
  }),
  /** The role that the node set must have been signed for: a worker's set does not make a control plane. */
  role: z.optional(plainName),
  sysexts: z._default(
    z.strictObject({
      /** Must be merged. */
      required: z._default(names, []),
      /** May be merged besides the required ones. With `match: set` the node set lists all there may be. */
      allowed: z._default(names, []),
      /** Whether a sysext that neither list names refuses the node. */
      denyUnlisted: z._default(z.boolean(), true),
      /** Whether every merged sysext must run from dm-verity. */
      requireVerity: z._default(z.boolean(), false),
    }),
    { required: [], allowed: [], denyUnlisted: true, requireVerity: false },
  ),
  confexts: z._default(
    z.strictObject({ allowed: z._default(names, []), denyUnlisted: z._default(z.boolean(), true) }),
    {
      allowed: [],
      denyUnlisted: true,
    },
  ),
  /** Whether /usr must run from dm-verity. PXE and ISO boots of Flatcar have none and need the waiver. */
  usrVerity: z._default(z.union([z.literal('required'), z.strictObject({ absentUnsafe: waiver })]), 'required'),
  commandLine: z._default(z.enum(['node-set', 'denied-arguments-only']), 'node-set'),
  /** Whether kubelet of a node that is in its cluster may start where it could not be judged (exit 4). */
  boot: z._default(z.strictObject({ unjudged: z._default(z.enum(['start', 'stop']), 'start') }), { unjudged: 'start' }),
  /** The lowest grade that each fact may have. */
  grades: z._default(
    z.strictObject({
      usrHash: z._default(grade, 'kernel'),
      sysexts: z._default(grade, 'claimed'),
      os: z._default(grade, 'claimed'),
    }),
    { usrHash: 'kernel', sysexts: 'claimed', os: 'claimed' },
  ),
});

const slsaSchema = z.strictObject({
  /**
   * Which signers may claim which builder, and the SLSA build level that this is trusted for (SLSA 1.2, verifying artifacts:
   * the roots of trust map a signer and a builder to a level). The id is written by the build: only its signer binds it.
   * The local builder is always level 0.
   */
  builders: z
    .array(
      z.strictObject({
        /** A glob, as in signers: the builder's id on GitHub ends in its tag. */
        id: text.check(z.refine(isGlob, 'not a glob: *, ** and literal text')),
        level: z.int().check(z.minimum(0), z.maximum(3)),
        signers: names.check(z.minLength(1)),
      }),
    )
    .check(z.maxLength(64)),
  minimumLevel: z.int().check(z.minimum(0), z.maximum(3)),
  /** Build types that are known, besides our own, whose parameters are checked. */
  buildTypes: z._default(z.array(text).check(z.maxLength(64)), []),
});

/** A release, a version, a signer or a node set that no longer counts. */
export const revocationSchema = z
  .strictObject({
    identityDigest: z.optional(z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/))),
    versionId: z.optional(text),
    signer: z.optional(plainName),
    /** SHA-256 of a file of the node set: a sysext, the node image, the kernel. */
    sha256: z.optional(sha256Hex),
    /** Signatures of the signer made from this time on do not count; without it none does. */
    since: z.optional(utcTime),
    why: text,
  })
  .check(
    z.refine(
      ({ identityDigest, versionId, signer, sha256 }) =>
        [identityDigest, versionId, signer, sha256].some((what) => what !== undefined),
      'revokes nothing: want identityDigest, versionId, signer or sha256',
    ),
    z.refine(
      ({ since, signer }) => since === undefined || signer !== undefined,
      'since is about a signer: all else is revoked as a whole',
    ),
  );

export const policySchema = z.strictObject({
  apiVersion: z.literal(policyApiVersion),
  name: plainName,
  /** Rises with each change: the highest accepted one persists on the node, an older one is refused. */
  version: z.int().check(z.positive()),
  issuedAt: utcTime,
  expiresAt: utcTime,
  description: z.optional(z.string().check(z.maxLength(4096))),
  trust: trustSchema,
  signers: z.array(signerRuleSchema).check(z.minLength(1), z.maxLength(256)),
  /** Which signers may sign which attestation. A kind that is not listed may be signed by nobody. */
  allow: z.strictObject({
    'node-set': z.optional(names),
    provenance: z.optional(names),
    sbom: z.optional(names),
    member: z.optional(z.record(plainName, names)),
    revocation: z.optional(names),
  }),
  /** Attestations that must be present and count, besides the node set. */
  require: z._default(
    z.strictObject({ provenance: z._default(z.boolean(), false), sbom: z._default(z.boolean(), false) }),
    {
      provenance: false,
      sbom: false,
    },
  ),
  node: nodeSchema,
  slsa: z.optional(slsaSchema),
  /** The trust pack: how old it may be. */
  trustPack: z.optional(
    z.strictObject({
      minimumVersion: z.optional(z.int().check(z.positive())),
      maximumAgeDays: z.optional(z.int().check(z.positive())),
    }),
  ),
  /** The oldest signature of a node set that counts, in days; without it a signature does not age. */
  maximumSignatureAgeDays: z.optional(z.int().check(z.positive())),
  revocations: z._default(z.array(revocationSchema).check(z.maxLength(10_000)), []),
});

export type Policy = z.output<typeof policySchema>;
export type NodeRequirements = z.output<typeof nodeSchema>;
export type Revocation = z.output<typeof revocationSchema>;
