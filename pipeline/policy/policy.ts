import { isUtf8 } from 'node:buffer';
import { isScalar, LineCounter, parseDocument, visit, type YAMLMap } from 'yaml';
import { decodeUtf8, Digest, Fault, limits } from '../core/index.ts';
import { quoteText } from '../formats/json/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { checkSignerReferences } from '../trust/index.ts';
import { attestationKinds, type Policy, policySchema } from './schema.ts';

/** A policy that was read, with the SHA-256 of its file: the name under which verdicts cite it. */
export type LoadedPolicy = { readonly policy: Policy; readonly digest: Digest };

/**
 * Parses a policy file (YAML 1.2, of which JSON is a part) and checks all that can be known without a node: fields,
 * references to signers, roots and keys. Faults: policy.yaml, policy.field, policy.signer, policy.reference, limit.policy.
 */
export function parsePolicy(bytes: Uint8Array): LoadedPolicy {
  if (bytes.byteLength > limits.policyBytes) {
    throw new Fault(
      'policy.size',
      `Cannot read the policy: ${bytes.byteLength} bytes, want at most ${limits.policyBytes}`,
    );
  }
  const policy = parseWith(
    policySchema,
    parseYaml(decodePolicy(bytes)),
    'policy.field',
    'policy',
    'See nodeproof policy schema',
  );
  checkSignerReferences(policy.trust, policy.signers);
  checkAllowReferences(policy);
  checkTimes(policy);
  return Object.freeze({ policy, digest: Digest.of('sha256', bytes) });
}

/** A policy is our own configuration, whatever is wrong with it. */
function decodePolicy(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return decodeUtf8(bytes, 'policy');
  throw new Fault('policy.yaml', 'Cannot read the policy: not UTF-8');
}

/** One document, no aliases (which can blow up), no tags (which mean something only to their maker), no key twice. */
function parseYaml(text: string): unknown {
  const lineCounter = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: false, // the library compares each with each: checkKeys below does not
      strict: true,
      lineCounter,
      prettyErrors: false,
    });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      const { line, col } = lineCounter.linePos(problem.pos[0]);
      throw new Fault('policy.yaml', `Cannot read the policy: ${problem.message.split('\n')[0] ?? ''}`, {
        where: `line ${line}, column ${col}`,
      });
    }
    visit(document, { Map: (_, map) => checkKeys(map, lineCounter) });
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const problem = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Fault('policy.yaml', `Cannot read the policy: ${problem}`, { cause });
  }
}

/** Keys are texts, and none stands twice: also not as `1` and `"1"`, which name one member. */
function checkKeys(map: YAMLMap, lineCounter: LineCounter): void {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    const text = isScalar(key) ? String(key.value) : undefined;
    if (text !== undefined && !seen.has(text)) {
      seen.add(text);
      continue;
    }
    const { line, col } = lineCounter.linePos(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    const problem = text === undefined ? 'a key is no text' : `the key ${quoteText(text)} stands twice in one map`;
    throw new Fault('policy.yaml', `Cannot read the policy: ${problem}`, { where: `line ${line}, column ${col}` });
  }
}

/** A name that no signer has would silently allow nobody: a mistake to hear of while writing the policy. */
function checkAllowReferences(policy: Policy): void {
  const known = new Set(policy.signers.map((signer) => signer.name));
  const check = (place: string, names: readonly string[]): void => {
    for (const name of names) {
      if (!known.has(name)) {
        throw new Fault(
          'policy.reference',
          `Cannot use the policy: ${place} names ${JSON.stringify(name)}, which is no signer`,
          {
            where: place,
            next: `Signers are: ${[...known].join(', ')}`,
          },
        );
      }
    }
  };
  for (const kind of attestationKinds) {
    const allowed = policy.allow[kind];
    if (allowed === undefined) continue;
    if (isNameList(allowed)) check(`allow.${kind}`, allowed);
    else for (const [member, names] of Object.entries(allowed)) check(`allow.member.${member}`, names);
  }
  for (const [at, builder] of (policy.slsa?.builders ?? []).entries())
    check(`slsa.builders[${at}].signers`, builder.signers);
  check(
    'revocations',
    policy.revocations.flatMap((revocation) => (revocation.signer === undefined ? [] : [revocation.signer])),
  );
  if ((policy.allow['node-set'] ?? []).length === 0) {
    throw new Fault(
      'policy.reference',
      'Cannot use the policy: allow.node-set names no signer, so no node could ever be admitted',
      { where: 'allow.node-set' },
    );
  }
}

function isNameList(
  value: readonly string[] | Readonly<Record<string, readonly string[]>>,
): value is readonly string[] {
  return Array.isArray(value);
}

function checkTimes(policy: Policy): void {
  if (Date.parse(policy.issuedAt) >= Date.parse(policy.expiresAt)) {
    throw new Fault(
      'policy.times',
      `Cannot use the policy: it expires ${policy.expiresAt}, not after it was issued ${policy.issuedAt}`,
      { where: 'expiresAt' },
    );
  }
}
