import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  type Authority,
  authorityExtensions,
  createAuthority,
  distinguishedName,
  encodePem,
  extension,
  issueCertificate,
  type KeyPair,
  leafExtensions,
  sha256,
  spkiOf,
  subjectUri,
} from './certificate.ts';
import { octets, utf8 } from './der.ts';
import { openToken, type Token } from './identity.ts';
import { type Answer, jsonAnswer, refusal } from './server.ts';

export type CertificateChain = { readonly root: Authority; readonly intermediate: Authority };

export function createChain(at: Date): CertificateChain {
  const root = createAuthority(distinguishedName('loopback.example', 'root'), at, authorityExtensions());
  const name = distinguishedName('loopback.example', 'intermediate');
  return { root, intermediate: createAuthority(name, at, authorityExtensions(0), root) };
}

export type Fulcio = {
  readonly chain: CertificateChain;
  readonly ctLog: KeyPair | undefined;
  readonly identity: KeyPair;
  readonly issuer: string;
  readonly clock: () => Date;
};

type SigningRequest = {
  readonly credentials: { readonly oidcIdentityToken: string };
  readonly publicKeyRequest: { readonly publicKey: { readonly content: string }; readonly proofOfPossession: string };
};

/** `POST /api/v2/signingCert`, as Fulcio's OpenAPI document has it. */
export function answerSigningCertificate(fulcio: Fulcio, body: Buffer): Answer {
  const request = JSON.parse(body.toString()) as SigningRequest;
  const at = fulcio.clock();
  const token = openToken(request.credentials.oidcIdentityToken, fulcio.identity, fulcio.issuer, at);
  if (token === undefined) return refusal(400, 'There was an error processing the identity token');
  const publicKey = createPublicKey(request.publicKeyRequest.publicKey.content);
  const proof = Buffer.from(request.publicKeyRequest.proofOfPossession, 'base64');
  if (!verify('sha256', Buffer.from(token.sub), publicKey, proof))
    return refusal(400, 'The signature supplied in the request could not be verified');
  const leaf = issueSigningCertificate(fulcio, publicKey, token, at);
  const certificates = [leaf, fulcio.chain.intermediate.der, fulcio.chain.root.der].map((der) =>
    encodePem('CERTIFICATE', der),
  );
  const kind = fulcio.ctLog === undefined ? 'signedCertificateDetachedSct' : 'signedCertificateEmbeddedSct';
  return jsonAnswer(200, { [kind]: { chain: { certificates } } });
}

const certificateMs = 10 * 60 * 1000;

function issueSigningCertificate(fulcio: Fulcio, publicKey: KeyObject, token: Token, at: Date): Buffer {
  const { intermediate } = fulcio.chain;
  const { ctLog } = fulcio;
  const request = {
    publicKey,
    subject: Buffer.from([0x30, 0x00]),
    notBefore: at,
    notAfter: new Date(at.getTime() + certificateMs),
    extensions: [
      ...leafExtensions('codeSigning'),
      subjectUri(`https://github.com/${token.job_workflow_ref}`),
      ...identityExtensions(token),
    ],
    ...(ctLog === undefined ? {} : { seal: (tbs: Buffer) => encodeSctList(tbs, ctLog, intermediate, at) }),
  };
  return issueCertificate(request, intermediate.privateKey, intermediate).der;
}

/** Fulcio's docs/oid-info.md: .1 to .6 are bare texts, .8 and later UTF8Strings; the templates are its `github-workflow`. */
function identityExtensions(token: Token): readonly Buffer[] {
  const github = 'https://github.com';
  const bare: readonly (readonly [number, string])[] = [
    [1, token.iss],
    [2, token.event_name],
    [3, token.sha],
    [4, token.workflow],
    [5, token.repository],
    [6, token.ref],
  ];
  const encoded: readonly (readonly [number, string])[] = [
    [8, token.iss],
    [9, `${github}/${token.job_workflow_ref}`],
    [10, token.job_workflow_sha],
    [11, token.runner_environment],
    [12, `${github}/${token.repository}`],
    [13, token.sha],
    [14, token.ref],
    [15, token.repository_id],
    [16, `${github}/${token.repository_owner}`],
    [17, token.repository_owner_id],
    [18, `${github}/${token.workflow_ref}`],
    [19, token.workflow_sha],
    [20, token.event_name],
    [21, `${github}/${token.repository}/actions/runs/${token.run_id}/attempts/${token.run_attempt}`],
    [22, token.repository_visibility],
    [23, token.environment ?? ''],
    [24, token.sub],
  ];
  const root = '1.3.6.1.4.1.57264.1';
  return [
    ...bare.map(([number, value]) => extension(`${root}.${number}`, Buffer.from(value))),
    // An absent claim leaves its extension out.
    ...encoded
      .filter(([, value]) => value !== '')
      .map(([number, value]) => extension(`${root}.${number}`, utf8(value))),
  ];
}

/** One signed certificate timestamp in its list, RFC 6962 §3.2 and §3.3. */
function encodeSctList(tbs: Buffer, ctLog: KeyPair, issuer: Authority, at: Date): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(at.getTime()));
  const signed = Buffer.concat([
    Buffer.from([0, 0]), // v1, certificate_timestamp
    time,
    uint16(1), // precert_entry
    sha256(spkiOf(issuer.publicKey)),
    Buffer.from([tbs.length >> 16]),
    uint16(tbs.length & 0xffff),
    tbs,
    uint16(0), // no extensions
  ]);
  const signature = sign('sha256', signed, ctLog.privateKey);
  const sct = Buffer.concat([
    Buffer.from([0]),
    sha256(spkiOf(ctLog.publicKey)),
    time,
    uint16(0),
    Buffer.from([4, 3]), // sha256, ecdsa
    uint16(signature.length),
    signature,
  ]);
  return extension('1.3.6.1.4.1.11129.2.4.2', octets(Buffer.concat([uint16(sct.length + 2), uint16(sct.length), sct])));
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
