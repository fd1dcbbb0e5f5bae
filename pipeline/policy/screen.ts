import { Fault, type Finding } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { judgeSigner, type Signer, type Verified, verifySigner } from '../verify/index.ts';
import { kindOf } from './attestation.ts';
import { nodeKinds } from './node-bundles.ts';
import type { Policy } from './schema.ts';
import type { Situation } from './situation.ts';

/**
 * Tells at little cost which bundles may belong into the trust pack of a node. A stranger's is known by its signature over
 * bytes that nothing was read from yet: whatever a store offers, only what signers of the policy signed is read and held.
 * That a bundle passes decides nothing: each is assessed as a whole later. Faults of checkSigner: those of verifySigner, and
 * what the nearest signer of the policy misses.
 */
export function screenForNode({ policy, material, now }: Pick<Situation, 'policy' | 'material' | 'now'>) {
  const kinds = nodeKinds(policy);
  return {
    checkSigner(bundle: SigstoreBundle): void {
      const signer = verifySigner(bundle, material.anchors, null);
      const [missed] = judgeNearest(signer, policy, now);
      if (missed !== undefined)
        throw new Fault(missed.code, missed.message, { where: missed.field, next: missed.next });
    },
    /** Revocations and node sets are small: what is large, or comes in many copies, takes no room of theirs. */
    shareOf(predicateType: string | null): string | null {
      const kind = predicateType === null ? undefined : kindOf(predicateType);
      if (kind === undefined || !kinds.has(kind)) return null;
      return kind === 'revocation' || kind === 'node-set' ? kind : 'statements';
    },
  };
}

/** What the signer of the policy that it is nearest to misses; nothing where it is one of them. */
function judgeNearest(signer: Verified<Signer>, { signers }: Policy, now: Date): readonly Finding[] {
  const misses = signers.map((rule) => judgeSigner(rule, signer, { now: now.toISOString() }));
  return misses.sort((a, b) => a.length - b.length)[0] ?? [];
}
