import { type KeyObject, X509Certificate as OpensslCertificate } from 'node:crypto';
import { type ASN1Obj, X509Certificate } from '@sigstore/core';
import { decodeUtf8, Digest, Fault, type FaultCode } from '../core/index.ts';
import type { GithubClaims } from './signer.ts';

/** What a signing certificate says. Nothing in it is verified until its chain is. */
export type SigningCertificate = {
  readonly issuer: string;
  readonly subjectAlternativeName: string;
  readonly github: GithubClaims;
  readonly der: Buffer;
  readonly sha256: string;
  readonly publicKey: KeyObject;
};

const oids = {
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  /** Fulcio's arc (fulcio, docs/oid-info.md). */
  fulcio: '1.3.6.1.4.1.57264.1',
} as const;

/** The critical extensions that are looked at, here or by the library's path check; RFC 5280 §4.2: refuse any other. */
const knownCritical: ReadonlySet<string> = new Set([
  oids.keyUsage,
  oids.subjectAlternativeName,
  oids.basicConstraints,
  oids.extendedKeyUsage,
]);

/**
 * Reads the certificate of a bundle: DER and nothing else, each extension once, for code signing, with exactly one
 * subject alternative name and Fulcio's issuer (fulcio, docs/certificate-specification.md). The library is lax about
 * these, and decodes names as if their high bits did not exist.
 * Faults: certificate.malformed, certificate.extension, certificate.usage, certificate.identity, certificate.issuer.
 */
export function parseSigningCertificate(der: Buffer): SigningCertificate {
  try {
    const { openssl, x509 } = decodeCertificate(der);
    const extensions = readExtensions(x509);
    checkUsage(openssl, x509);
    return Object.freeze({
      issuer: readIssuer(extensions),
      subjectAlternativeName: readSubjectAlternativeName(extensions),
      github: readGithubClaims(extensions),
      der,
      sha256: Digest.of('sha256', der).hex,
      publicKey: openssl.publicKey,
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    // Both readers decode the parts as they are asked for, and throw errors of many kinds.
    throw refusal('certificate.malformed', 'not an X.509 certificate in DER', error);
  }
}

/** Two readers must take the same bytes for a certificate, and the bytes must be the only ones that encode it. */
function decodeCertificate(der: Buffer): { openssl: OpensslCertificate; x509: X509Certificate } {
  const openssl = new OpensslCertificate(der);
  const x509 = X509Certificate.parse(Buffer.from(der));
  checkEncoding(der, x509.root);
  return { openssl, x509 };
}

/** RFC 5280 §4.1.1: what lies outside of the signed part has one form only. */
function checkEncoding(der: Buffer, certificate: ASN1Obj): void {
  const [tbs, algorithm, signature] = certificate.subs;
  const signedAlgorithm = tbs?.subs[2];
  if (!certificate.toDER().equals(der)) throw refusal('certificate.malformed', 'not in DER');
  if (algorithm === undefined || signedAlgorithm === undefined || !algorithm.toDER().equals(signedAlgorithm.toDER())) {
    throw refusal('certificate.malformed', 'the signature algorithm is not the signed one');
  }
  if (signature?.value[0] !== 0) throw refusal('certificate.malformed', 'the signature is no whole number of bytes');
}

type Extensions = ReadonlyMap<string, ASN1Obj>;

/** The extensions' values by OID. RFC 5280 §4.2: none twice, and an unknown critical one is refused. */
function readExtensions(certificate: X509Certificate): Extensions {
  const values = new Map<string, ASN1Obj>();
  for (const extension of certificate.extensions) {
    const oid = extension.subs[0]?.toOID();
    const value = extension.subs.at(-1);
    if (oid === undefined || value === undefined) throw refusal('certificate.malformed', 'an extension without value');
    if (values.has(oid)) throw refusal('certificate.extension', `extension ${oid} stands twice`);
    const critical = extension.subs.length === 3 && extension.subs[1]?.toBoolean() === true;
    if (critical && !knownCritical.has(oid))
      throw refusal('certificate.extension', `unknown critical extension ${oid}`);
    values.set(oid, value);
  }
  return values;
}

function checkUsage(openssl: OpensslCertificate, x509: X509Certificate): void {
  if (openssl.ca || x509.isCA) throw refusal('certificate.usage', 'the certificate of an authority, want a signer’s');
  if (x509.extKeyUsage?.digitalSignature !== true) throw refusal('certificate.usage', 'not for digital signatures');
  // Node names it keyUsage; it holds the OIDs of the extended key usage.
  const usages: readonly string[] = openssl.keyUsage ?? [];
  if (!usages.includes(oids.codeSigning)) throw refusal('certificate.usage', 'not for code signing');
}

/** Exactly one GeneralName, a URI or an e-mail address: with two, each reader could take another for the signer. */
function readSubjectAlternativeName(extensions: Extensions): string {
  const names = extensions.get(oids.subjectAlternativeName)?.subs[0]?.subs ?? [];
  const [name] = names;
  if (name === undefined || names.length !== 1) {
    throw refusal('certificate.identity', `${names.length} subject alternative names, want 1`);
  }
  const isUri = name.tag.isContextSpecific(6);
  const isEmail = name.tag.isContextSpecific(1);
  if (!isUri && !isEmail) throw refusal('certificate.identity', 'the subject is no URI and no e-mail address');
  return readText(name.value, 'certificate.identity', 'subject alternative name');
}

/** `.8` is the issuer, `.1` the same in the old encoding: where both stand they must agree. */
function readIssuer(extensions: Extensions): string {
  const issuer = readDerText(extensions, 8);
  const old = extensions.get(`${oids.fulcio}.1`);
  const oldIssuer = old === undefined ? null : readText(old.value, 'certificate.issuer', 'issuer');
  const either = issuer ?? oldIssuer;
  if (either === null) throw refusal('certificate.issuer', 'no issuer of the identity');
  if (issuer !== null && oldIssuer !== null && issuer !== oldIssuer) {
    throw refusal('certificate.issuer', 'two issuers that differ');
  }
  return either;
}

/** docs/oid-info.md: `.9` to `.23`, all DER UTF8String. The old `.2` to `.6` say the same with less, and are not read. */
function readGithubClaims(extensions: Extensions): GithubClaims {
  const read = (number: number) => readDerText(extensions, number);
  return Object.freeze({
    buildSignerUri: read(9),
    buildSignerDigest: read(10),
    runnerEnvironment: read(11),
    sourceRepositoryUri: read(12),
    sourceRepositoryDigest: read(13),
    sourceRepositoryRef: read(14),
    sourceRepositoryId: read(15),
    sourceRepositoryOwnerUri: read(16),
    sourceRepositoryOwnerId: read(17),
    buildConfigUri: read(18),
    buildConfigDigest: read(19),
    buildTrigger: read(20),
    runInvocationUri: read(21),
    sourceRepositoryVisibility: read(22),
    deploymentEnvironment: read(23),
  });
}

const utf8StringTag = 0x0c;

function readDerText(extensions: Extensions, number: number): string | null {
  const extension = extensions.get(`${oids.fulcio}.${number}`);
  if (extension === undefined) return null;
  const [text] = extension.subs;
  if (text === undefined || extension.subs.length !== 1 || text.tag.toDER() !== utf8StringTag) {
    throw refusal('certificate.extension', `extension ${oids.fulcio}.${number} is no UTF8String`);
  }
  return readText(text.value, 'certificate.extension', `extension ${oids.fulcio}.${number}`);
}

/** Texts are compared with a policy and printed: characters that do not show have no business in either. */
function readText(bytes: Uint8Array, code: FaultCode, what: string): string {
  const text = decodeText(bytes, code, what);
  if (text === '' || /[\p{C}\p{Zl}\p{Zp}]/u.test(text)) throw refusal(code, `${what} is empty or not printable`);
  return text;
}

function decodeText(bytes: Uint8Array, code: FaultCode, what: string): string {
  try {
    return decodeUtf8(bytes, what);
  } catch (cause) {
    throw refusal(code, `${what} is not UTF-8`, cause);
  }
}

function refusal(code: FaultCode, problem: string, cause?: unknown): Fault {
  return new Fault(code, `Cannot read signing certificate: ${problem}`, cause === undefined ? {} : { cause });
}
