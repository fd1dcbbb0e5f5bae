import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';
import { bundleFromJSON, bundleToJSON, type Bundle } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness, type Witness } from '@sigstore/sign';
import { describe, expect, test } from 'vitest';
import { type LoopbackSigstore, openLoopbackSigstore } from '../../support/loopback-sigstore/index.ts';

async function signThere(sigstore: LoopbackSigstore, witnesses: Witness[]): Promise<Bundle> {
  const identityProvider = { getToken: () => Promise.resolve(sigstore.token()) };
  const signer = new FulcioSigner({ fulcioBaseURL: sigstore.origin, identityProvider });
  const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({
    data: Buffer.from('{}'),
    type: 'text/json',
  });
  return bundleFromJSON(bundleToJSON(bundle));
}

function verifyWith(sigstore: LoopbackSigstore, bundle: Bundle): ReturnType<Verifier['verify']> {
  const material = toTrustMaterial(TrustedRoot.fromJSON(sigstore.trustedRoot));
  return new Verifier(material).verify(toSignedEntity(bundle));
}

describe('the loopback Sigstore', () => {
  test('signs what its own trusted root verifies, at any time that its clock tells', async () => {
    await using sigstore = await openLoopbackSigstore({ clock: () => new Date('2024-02-29T12:00:00.789Z') });
    const witnesses = [
      new RekorWitness({ rekorBaseURL: sigstore.origin }),
      new TSAWitness({ tsaBaseURL: sigstore.origin }),
    ];
    for (let round = 0; round < 3; round++) {
      const signer = verifyWith(sigstore, await signThere(sigstore, witnesses));
      expect(signer.identity?.subjectAlternativeName).toBe(
        'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5',
      );
    }
  });

  test('does not sign what another instance with the same issuer verifies', async () => {
    await using honest = await openLoopbackSigstore();
    await using imitation = await openLoopbackSigstore();
    const bundle = await signThere(imitation, [new RekorWitness({ rekorBaseURL: imitation.origin })]);
    expect(() => verifyWith(honest, bundle)).toThrow();
  });

  test('refuses a token of another issuer', async () => {
    await using sigstore = await openLoopbackSigstore();
    await using stranger = await openLoopbackSigstore();
    const identityProvider = { getToken: () => Promise.resolve(stranger.token()) };
    const signer = new FulcioSigner({ fulcioBaseURL: sigstore.origin, identityProvider });
    await expect(signer.sign(Buffer.from('x'))).rejects.toThrow('(400)');
  });
});
