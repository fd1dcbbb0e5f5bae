import * as z from 'zod/mini';
import { Digest, Fault } from '../core/index.ts';
import { parseWith, plainName, sha256Hex, utcTime } from '../formats/schema/index.ts';
import { identityDigest, identitySchema, type NodeIdentity } from './identity.ts';
import { commandLineGrammarSchema } from './command-line.ts';

/** The predicate type of a node set; README.md beside this file describes it. */
export const nodeSetPredicateType = 'https://nodeproof.dev/attestation/node-set/v1';

/** What a member of a node set is, which is also the `role` annotation of its subject. */
export const memberRoles = [
  'identity',
  'node-image',
  'node-image-shipped',
  'update-payload',
  'kernel',
  'sysext',
  'confext',
] as const;
export type MemberRole = (typeof memberRoles)[number];

const text = z.string().check(z.minLength(1), z.maxLength(512));

const usrVeritySchema = z.strictObject({
  rootHash: z.string().check(z.regex(/^(?:[0-9a-f]{2}){16,64}$/)),
  algorithm: text,
  dataBlockSizeBytes: z.int().check(z.positive()),
  hashBlockSizeBytes: z.int().check(z.positive()),
  dataBlocks: z.int().check(z.positive()),
  hashType: z.int().check(z.nonnegative()),
  salt: z.string().check(z.regex(/^(?:[0-9a-f]{2}){0,256}$/)),
});

const statementReferenceSchema = z.strictObject({
  predicateType: text,
  /** The subject that the statement is about, as its name in this set. */
  subject: text,
  /** SHA-256 of the statement's bytes: the payload of its envelope. */
  sha256: sha256Hex,
});

export const nodeSetSchema = z.strictObject({
  name: plainName,
  role: z.nullable(plainName),
  identity: identitySchema,
  reference: z.strictObject({
    /** The verity parameters of `/usr`: what the kernel's device-mapper table must say. */
    usrVerity: z.nullable(usrVeritySchema),
    /** The kernel as it lies in the EFI system partition. */
    kernel: z.nullable(
      z.strictObject({ sha256: sha256Hex, version: z.nullable(text), embeddedUsrHash: z.nullable(text) }),
    ),
    commandLine: commandLineGrammarSchema,
  }),
  validity: z.strictObject({ issuedAt: utcTime, validUntil: z.nullable(utcTime) }),
  /** The statements that came with this one, so that a store that hides one is noticed. */
  statements: z.array(statementReferenceSchema).check(z.maxLength(4096)),
});

export type NodeSet = z.output<typeof nodeSetSchema>;
export type UsrVerity = z.output<typeof usrVeritySchema>;
export type StatementReference = z.output<typeof statementReferenceSchema>;

/** Checks a node-set predicate. Fault: node-set.field. */
export function parseNodeSet(predicate: unknown): NodeSet {
  return parseWith(nodeSetSchema, predicate, 'node-set.field', 'node-set predicate');
}

/** A subject of the node-set statement, as an in-toto ResourceDescriptor. */
export type NodeSetSubject = {
  readonly name: string;
  readonly digest: { readonly sha256: string };
  readonly annotations: { readonly role: MemberRole };
};

/** The subject of role `identity`: the digest by which a node alone finds its release. */
export function buildIdentitySubject(identity: NodeIdentity): NodeSetSubject {
  return { name: 'identity', digest: { sha256: identityDigest(identity).hex }, annotations: { role: 'identity' } };
}

type StatementSubject = {
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
};

/**
 * Binds a node-set statement to the digest it is looked up by: the identity in the predicate, recomputed, must be the
 * digest of the subject of role `identity`. A file that merely has that digest never counts (threat: a valid bundle for
 * something else). Returns the identity digest. Faults: node-set.identity-subject, node-set.identity-digest.
 */
export function bindIdentity(nodeSet: NodeSet, subjects: readonly StatementSubject[]): Digest {
  const named = subjects.filter((subject) => subject.annotations?.['role'] === 'identity');
  const [subject] = named;
  if (named.length !== 1 || subject === undefined) {
    throw new Fault(
      'node-set.identity-subject',
      `Cannot use node set ${nodeSet.name}: ${named.length} subjects of role identity, want exactly 1`,
    );
  }
  const recomputed = identityDigest(nodeSet.identity);
  if (subject.digest['sha256'] !== recomputed.hex) {
    throw new Fault(
      'node-set.identity-digest',
      `Cannot use node set ${nodeSet.name}: its subject says identity sha256:${String(subject.digest['sha256'])}, its predicate makes ${Digest.format(recomputed)}`,
    );
  }
  return recomputed;
}
