import { randomBytes, sign } from 'node:crypto';
import {
  type Authority,
  authorityExtensions,
  createAuthority,
  distinguishedName,
  ecdsaWithSha256,
  leafExtensions,
  sha256,
} from './certificate.ts';
import { explicit, generalizedTime, integer, octets, oid, sequence, setOf, utcTime } from './der.ts';
import type { Answer } from './server.ts';

export type TimestampAuthority = { readonly root: Authority; readonly signer: Authority };

export function createTimestampAuthority(at: Date): TimestampAuthority {
  const root = createAuthority(distinguishedName('loopback.example', 'timestamp root'), at, authorityExtensions());
  const name = distinguishedName('loopback.example', 'timestamps');
  return { root, signer: createAuthority(name, at, leafExtensions('timeStamping'), root) };
}

const sha256Algorithm = sequence(oid('2.16.840.1.101.3.4.2.1'));
const tstInfoType = oid('1.2.840.113549.1.9.16.1.4');

/** `POST /api/v1/timestamp` with a JSON request, as Sigstore's timestamp authority takes it. */
export function answerTimestamp(authority: TimestampAuthority, body: Buffer, at: Date): Answer {
  const request = JSON.parse(body.toString()) as { readonly artifactHash: string; readonly hashAlgorithm: string };
  if (request.hashAlgorithm !== 'sha256') throw new Error(`unsupported hash algorithm ${request.hashAlgorithm}`);
  const info = encodeTstInfo(Buffer.from(request.artifactHash, 'base64'), at);
  const token = sequence(oid('1.2.840.113549.1.7.2'), explicit(0, encodeSignedData(authority, info, at)));
  return { status: 201, body: sequence(sequence(integer(0)), token), type: 'application/timestamp-reply' };
}

/** RFC 3161 §2.4.2. */
function encodeTstInfo(digest: Buffer, at: Date): Buffer {
  return sequence(
    integer(1),
    oid('1.3.6.1.4.1.57264.2'),
    sequence(sha256Algorithm, octets(digest)),
    integer(Buffer.concat([Buffer.from([0x11]), randomBytes(15)])),
    generalizedTime(at),
  );
}

/** RFC 5652 §5.1, with the attributes that RFC 3161 §2.4.2 and RFC 5816 want signed. */
function encodeSignedData({ root, signer }: TimestampAuthority, info: Buffer, at: Date): Buffer {
  const attribute = (id: string, value: Buffer): Buffer => sequence(oid(id), setOf(value));
  const attributes = setOf(
    attribute('1.2.840.113549.1.9.3', tstInfoType),
    attribute('1.2.840.113549.1.9.5', utcTime(at)),
    attribute('1.2.840.113549.1.9.4', octets(sha256(info))),
    attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octets(sha256(signer.der)))))),
  );
  const signerInfo = sequence(
    integer(1),
    sequence(root.name, integer(signer.serial)),
    sha256Algorithm,
    // §5.4: signed as a SET, carried as [0] IMPLICIT.
    Buffer.concat([Buffer.from([0xa0]), attributes.subarray(1)]),
    ecdsaWithSha256,
    octets(sign('sha256', attributes, signer.privateKey)),
  );
  return sequence(
    integer(3),
    setOf(sha256Algorithm),
    sequence(tstInfoType, explicit(0, octets(info))),
    setOf(signerInfo),
  );
}
