import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import type { IdentityTokenSource } from './identity-token.ts';
import {
  type CallOptions,
  callService,
  describeAnswer,
  libraryOptions,
  type Service,
  trimSlash,
} from './service-call.ts';
import type { Signature } from './signature.ts';

/**
 * Signs with a key that lives for this one signature, after Fulcio has certified it for the holder of the identity token.
 * Faults: those of the token's source, network.*, signing.*.
 */
export async function signWithCertificate(
  baseUrl: string,
  identity: IdentityTokenSource,
  bytes: Buffer,
  options: CallOptions,
): Promise<Signature> {
  const service = { name: 'the certificate authority (Fulcio)', url: baseUrl };
  const token = await identity.readToken();
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const keyHolder = {
    sign: async (data: Buffer) => ({
      signature: sign('sha256', data, keys.privateKey),
      key: { $case: 'publicKey' as const, publicKey },
    }),
  };
  const { signature, key } = await callService(service, [token], async () => {
    const { FulcioSigner } = await import('./library.ts');
    const identityProvider = { getToken: async () => token };
    const call = { fulcioBaseURL: trimSlash(baseUrl), identityProvider, keyHolder, ...libraryOptions(options) };
    return new FulcioSigner(call).sign(bytes);
  });
  const certificate = parseCertificate(service, key.$case === 'x509Certificate' ? key.certificate : '', keys.publicKey);
  return {
    bytes: signature,
    verifier: {
      kind: 'x509Certificate',
      pem: certificate.toString(),
      der: certificate.raw,
      rekorV2Details: 'PKIX_ECDSA_P256_SHA_256',
    },
  };
}

function parseCertificate(service: Service, pem: string, publicKey: KeyObject): X509Certificate {
  let certificate;
  let isOfKey;
  try {
    certificate = new X509Certificate(pem);
    // Reads the certificate's key, which may be malformed though the certificate is not.
    isOfKey = certificate.publicKey.equals(publicKey);
  } catch {
    throw describeAnswer(service, 'it holds no certificate');
  }
  if (!isOfKey) throw describeAnswer(service, 'the certificate is of another key');
  return certificate;
}
