import * as z from 'zod/mini';
import { canonicalText, compareText, Digest, encodeCanonicalJson, Fault } from '../core/index.ts';
import { parseWith, sha256Hex } from '../formats/schema/index.ts';

export const identityType = 'https://nodeproof.dev/identity/v1';

const fact = z.string().check(
  z.minLength(1),
  z.maxLength(256),
  z.refine((text) => text.isWellFormed(), 'not Unicode'),
);

/** dm-verity root hashes come in the lengths of their algorithms: SHA-1 to SHA-512. */
const rootHash = z.string().check(z.regex(/^(?:[0-9a-f]{2}){16,64}$/));

/** The name under which systemd merges an extension: one path component without `.raw`. */
const extensionName = z.string().check(
  z.regex(/^[^/\0\s\p{C}]{1,255}$/u),
  z.refine((name) => name !== '.' && name !== '..', 'not a file name'),
);

const extensionMember = z.strictObject({ name: extensionName, sha256: sha256Hex, rootHash: z.nullable(rootHash) });

const extensionList = z
  .array(extensionMember)
  .check(z.maxLength(1024), z.refine(isStrictlySorted, 'not sorted by name, or a name twice'));

export const identitySchema = z.strictObject({
  type: z.literal(identityType),
  os: z.strictObject({
    id: fact,
    versionId: z.nullable(fact),
    buildId: z.nullable(fact),
    architecture: fact,
    usrHash: z.nullable(rootHash),
  }),
  sysexts: extensionList,
  confexts: extensionList,
});

/** What a node is: two nodes match if and only if the digests of their identities do. Absent facts are null. */
export type NodeIdentity = z.output<typeof identitySchema>;
export type ExtensionMember = z.output<typeof extensionMember>;
export type ExtensionClass = 'sysexts' | 'confexts';

/** The facts of an identity, extensions in any order. */
export type IdentityFacts = Omit<NodeIdentity, 'type'>;

/** Builds an identity: extensions sorted by name by code unit. Faults: identity.name-twice, identity.field. */
export function buildIdentity(facts: IdentityFacts): NodeIdentity {
  const identity = {
    type: identityType,
    os: facts.os,
    sysexts: sortedByName(facts.sysexts),
    confexts: sortedByName(facts.confexts),
  };
  return parseIdentity(identity);
}

/** Checks a foreign identity; one that is not in canonical order is refused, not repaired. Fault: identity.field. */
export function parseIdentity(value: unknown): NodeIdentity {
  return parseWith(identitySchema, value, 'identity.field', 'node identity');
}

/** The bytes whose SHA-256 is the identity digest: RFC 8785. */
export function encodeIdentity(identity: NodeIdentity): Uint8Array<ArrayBuffer> {
  return encodeCanonicalJson(identity);
}

export function identityDigest(identity: NodeIdentity): Digest {
  return Digest.of('sha256', encodeIdentity(identity));
}

/**
 * One field in which two identities differ. `null` on a side means that it is not there. `about` tells a fact of the
 * operating system, a whole member that only one side has, and a fact of a member that both have.
 */
export type IdentityDifference = {
  readonly about:
    | { readonly os: keyof NodeIdentity['os'] }
    | { readonly kind: ExtensionClass; readonly member: string; readonly fact: 'sha256' | 'rootHash' | null };
  readonly field: string;
  readonly actual: string | null;
  readonly expected: string | null;
};

/** Field by field, in the record's order: os facts first, then each extension by name. */
export function compareIdentities(actual: NodeIdentity, expected: NodeIdentity): readonly IdentityDifference[] {
  const fields: (keyof NodeIdentity['os'])[] = ['id', 'versionId', 'buildId', 'architecture', 'usrHash'];
  const os = fields
    .filter((field) => actual.os[field] !== expected.os[field])
    .map((field) => ({
      about: { os: field },
      field: `os.${field}`,
      actual: actual.os[field],
      expected: expected.os[field],
    }));
  return [...os, ...compareExtensions('sysexts', actual, expected), ...compareExtensions('confexts', actual, expected)];
}

function compareExtensions(kind: ExtensionClass, actual: NodeIdentity, expected: NodeIdentity): IdentityDifference[] {
  const mine = new Map(actual[kind].map((member) => [member.name, member]));
  const theirs = new Map(expected[kind].map((member) => [member.name, member]));
  const names = [...new Set([...mine.keys(), ...theirs.keys()])].sort();
  return names.flatMap((member) => compareMember(kind, member, mine.get(member), theirs.get(member)));
}

function compareMember(
  kind: ExtensionClass,
  member: string,
  actual: ExtensionMember | undefined,
  expected: ExtensionMember | undefined,
): IdentityDifference[] {
  const field = `${kind}.${member}`;
  if (actual === undefined || expected === undefined) {
    const shown = (side: ExtensionMember | undefined) => (side === undefined ? null : `sha256 ${side.sha256}`);
    return [{ about: { kind, member, fact: null }, field, actual: shown(actual), expected: shown(expected) }];
  }
  const facts = ['sha256', 'rootHash'] as const;
  return facts
    .filter((fact) => actual[fact] !== expected[fact])
    .map((fact) => ({
      about: { kind, member, fact },
      field: `${field}.${fact}`,
      actual: actual[fact],
      expected: expected[fact],
    }));
}

function sortedByName(members: readonly ExtensionMember[]): ExtensionMember[] {
  const sorted = [...members].sort((a, b) => compareText(a.name, b.name));
  for (const [at, member] of sorted.entries()) {
    if (member.name === sorted[at + 1]?.name) {
      throw new Fault(
        'identity.name-twice',
        `Cannot build the node identity: two members are named ${canonicalText(member.name)}`,
        {
          where: member.name,
          next: 'Give one of them another name (--sysext NAME=FILE), or leave a built-in one out (--without NAME)',
        },
      );
    }
  }
  return sorted;
}

function isStrictlySorted(members: readonly { readonly name: string }[]): boolean {
  return members.every((member, at) => at === 0 || (members[at - 1]?.name ?? '') < member.name);
}
