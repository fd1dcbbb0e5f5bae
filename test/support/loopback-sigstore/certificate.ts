import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bits, explicit, implicit, integer, octets, oid, sequence, setOf, utcTime, utf8, yes } from './der.ts';

export const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

export type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
/** A certificate with the key that it names. */
export type Authority = KeyPair & {
  readonly der: Buffer;
  readonly name: Buffer;
  readonly serial: Buffer;
};

export function generateP256(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return state.digest();
}

/** A Name of an organization and a common name, RFC 5280 §4.1.2.4. */
export function distinguishedName(organization: string, commonName: string): Buffer {
  return sequence(
    setOf(sequence(oid('2.5.4.10'), utf8(organization))),
    setOf(sequence(oid('2.5.4.3'), utf8(commonName))),
  );
}

export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return critical ? sequence(oid(id), yes(), octets(value)) : sequence(oid(id), octets(value));
}

/** Key usages by their bit, RFC 5280 §4.2.1.3. */
const digitalSignature = bits(Buffer.from([0x80]), 7);
const certificateSigning = bits(Buffer.from([0x06]), 1);

const extendedUsage = { codeSigning: '1.3.6.1.5.5.7.3.3', timeStamping: '1.3.6.1.5.5.7.3.8' };

export function authorityExtensions(pathLength?: number): readonly Buffer[] {
  const constraints = pathLength === undefined ? sequence(yes()) : sequence(yes(), integer(pathLength));
  return [extension('2.5.29.19', constraints, true), extension('2.5.29.15', certificateSigning, true)];
}

export function leafExtensions(usage: keyof typeof extendedUsage): readonly Buffer[] {
  return [
    extension('2.5.29.15', digitalSignature, true),
    // RFC 3161 §2.3: critical in a timestamp authority's certificate.
    extension('2.5.29.37', sequence(oid(extendedUsage[usage])), usage === 'timeStamping'),
  ];
}

export function subjectUri(uri: string): Buffer {
  return extension('2.5.29.17', sequence(implicit(6, Buffer.from(uri))), true);
}

export type CertificateRequest = {
  readonly publicKey: KeyObject;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
  /** A last extension made over the certificate without it: the list of SCTs. */
  readonly seal?: (tbs: Buffer) => Buffer;
};

/** Issues an X.509 v3 certificate, RFC 5280 §4.1. Without an issuer it signs itself. */
export function issueCertificate(
  request: CertificateRequest,
  privateKey: KeyObject,
  issuer?: Authority,
): { der: Buffer; serial: Buffer } {
  const serial = Buffer.concat([Buffer.from([0x11]), randomBytes(15)]);
  const identifiers = [
    extension('2.5.29.14', octets(keyIdentifier(request.publicKey))),
    extension('2.5.29.35', sequence(implicit(0, keyIdentifier(issuer?.publicKey ?? request.publicKey)))),
  ];
  const encodeTbs = (extensions: readonly Buffer[]): Buffer =>
    sequence(
      explicit(0, integer(2)),
      integer(serial),
      ecdsaWithSha256,
      issuer?.name ?? request.subject,
      sequence(utcTime(request.notBefore), utcTime(request.notAfter)),
      request.subject,
      spkiOf(request.publicKey),
      explicit(3, sequence(...extensions)),
    );
  const unsealed = [...identifiers, ...request.extensions];
  const tbs = encodeTbs(request.seal === undefined ? unsealed : [...unsealed, request.seal(encodeTbs(unsealed))]);
  return { der: sequence(tbs, ecdsaWithSha256, bits(sign('sha256', tbs, issuer?.privateKey ?? privateKey))), serial };
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1').update(spkiOf(key)).digest();
}

/** Makes a key and its certificate, valid from a day before to ten years after the given time. */
export function createAuthority(
  subject: Buffer,
  at: Date,
  extensions: readonly Buffer[],
  issuer?: Authority,
): Authority {
  const keys = generateP256();
  const request = { publicKey: keys.publicKey, subject, notBefore: rootStart(at), notAfter: rootEnd(at), extensions };
  return { ...keys, name: subject, ...issueCertificate(request, keys.privateKey, issuer) };
}

const dayMs = 24 * 60 * 60 * 1000;
export const rootStart = (at: Date): Date => new Date(at.getTime() - dayMs);
const rootEnd = (at: Date): Date => new Date(at.getTime() + 3650 * dayMs);

export function encodePem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
