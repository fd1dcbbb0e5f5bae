import { Fault } from '../../core/index.ts';
import { type DerElement, DerReader, parseDer, readOid, tags } from '../der/index.ts';

/** The one signer of a detached PKCS#7 SignedData. */
export type Signer = {
  readonly identifier: SignerIdentifier;
  readonly digest: SignatureDigest;
  readonly keyType: 'rsa' | 'ec';
  /** The attributes that are signed instead of the content; null where the content itself is. */
  readonly attributes: SignedAttributes | null;
  readonly signature: Uint8Array;
  /** Certificates that came along, in DER. */
  readonly certificates: readonly Uint8Array[];
};

export type SignerIdentifier =
  | { readonly issuer: Uint8Array; readonly serial: Uint8Array }
  | { readonly subjectKeyIdentifier: Uint8Array };

export type SignedAttributes = {
  readonly messageDigest: Uint8Array;
  /** What the signature is over: the attributes encoded as a SET (RFC 5652 §5.4). */
  readonly encoding: Uint8Array;
};

export type SignatureDigest = 'sha256' | 'sha384' | 'sha512';

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
} as const;

const digests: Readonly<Record<string, SignatureDigest>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** Signature algorithms; a null digest is the one that the signer names beside it (RFC 3370 §3.2, RFC 5754 §3). */
const signatureAlgorithms: Readonly<
  Record<string, { readonly keyType: 'rsa' | 'ec'; readonly digest: SignatureDigest | null }>
> = {
  '1.2.840.113549.1.1.1': { keyType: 'rsa', digest: null },
  '1.2.840.113549.1.1.11': { keyType: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { keyType: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { keyType: 'rsa', digest: 'sha512' },
  '1.2.840.10045.4.3.2': { keyType: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { keyType: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { keyType: 'ec', digest: 'sha512' },
};

const what = 'PKCS#7 signature';

/**
 * Reads SignedData (RFC 5652 §5.1) with one signer and without content. What no check below would notice when it changed
 * has no place in it: other signers, revocation lists, unsigned attributes.
 *
 * Faults: der.*, verity-signature.pkcs7, verity-signature.algorithm.
 */
export function parseSignedData(bytes: Uint8Array): Signer {
  const contentInfo = new DerReader(parseDer(bytes, what), what);
  checkOid(contentInfo.oid('contentType'), oids.signedData, 'contentType');
  const outer = contentInfo.fields(tags.context(0, 'constructed'), 'content');
  contentInfo.end();
  const r = outer.fields(tags.sequence, 'SignedData');
  outer.end();

  const version = r.smallInteger('version');
  const declared = r.element(tags.set, 'digestAlgorithms').children.map(parseDigest);
  const encapsulated = r.fields(tags.sequence, 'encapContentInfo');
  checkOid(encapsulated.oid('eContentType'), oids.data, 'eContentType');
  if (!encapsulated.atEnd) throw refused('it carries its content, want a detached signature');
  const certificates = r.optional(tags.context(0, 'constructed'))?.children.map((element) => element.encoding) ?? [];
  const signers = r.element(tags.set, 'signerInfos');
  r.end();

  const [info, ...others] = signers.children;
  if (info === undefined || others.length > 0) throw refused(`${signers.children.length} signers, want one`);
  const { signer, version: signerVersion } = parseSignerInfo(info);
  // §5.1: SignedData has the version of its signer as long as nothing newer is in it.
  if (version !== signerVersion) throw refused(`version ${version} with a signer of version ${signerVersion}`);
  if (declared.length !== 1 || declared[0] !== signer.digest)
    throw refused(`digest algorithms ${declared.join(', ')}, the signer uses ${signer.digest}`);
  return { ...signer, certificates };
}

/** SignerInfo, §5.3. */
function parseSignerInfo(element: DerElement) {
  const r = new DerReader(element, `${what}: SignerInfo`);
  const version = r.smallInteger('version');
  const identifier = parseIdentifier(r, version);
  const digest = parseDigest(r.element(tags.sequence, 'digestAlgorithm'));
  const attributes = r.optional(tags.context(0, 'constructed'));
  const algorithm = parseSignatureAlgorithm(r.element(tags.sequence, 'signatureAlgorithm'));
  const signature = r.element(tags.octetString, 'signature').content;
  r.end();
  if (algorithm.digest !== null && algorithm.digest !== digest)
    throw refused(`the signature is over ${algorithm.digest}, the signer says ${digest}`);
  const signer = {
    identifier,
    digest,
    keyType: algorithm.keyType,
    attributes: attributes === undefined ? null : parseAttributes(attributes),
    signature,
  };
  return { signer, version };
}

/** §5.3: version 1 goes with issuer and serial number, version 3 with the subject key identifier. */
function parseIdentifier(r: DerReader, version: number): SignerIdentifier {
  const key = r.optional(tags.context(0, 'primitive'));
  if (version !== (key === undefined ? 1 : 3)) throw refused(`a signer of version ${version}`);
  if (key !== undefined) return { subjectKeyIdentifier: key.content };
  const name = r.fields(tags.sequence, 'issuerAndSerialNumber');
  const issuer = name.element(tags.sequence, 'issuer').encoding;
  const serial = name.element(tags.integer, 'serialNumber').content;
  name.end();
  return { issuer, serial };
}

/** §5.3 and §11: each attribute once with one value; those that bind the content are wanted, others may be there. */
function parseAttributes(element: DerElement): SignedAttributes {
  const values = new Map<string, DerElement>();
  for (const child of element.children) {
    const r = new DerReader(child, `${what}: signed attribute`);
    const type = r.oid('attrType');
    const [value, ...others] = r.element(tags.set, 'attrValues').children;
    r.end();
    if (value === undefined || others.length > 0 || values.has(type))
      throw refused(`signed attribute ${type}: want it once, with one value`);
    values.set(type, value);
  }
  const contentType = values.get(oids.contentType);
  const messageDigest = values.get(oids.messageDigest);
  if (contentType?.tag !== tags.oid || messageDigest?.tag !== tags.octetString)
    throw refused('signed attributes without content type and message digest');
  checkOid(readOid(contentType, `${what}: contentType`), oids.data, 'contentType');
  const encoding = Uint8Array.from(element.encoding);
  encoding[0] = tags.set;
  return { messageDigest: messageDigest.content, encoding };
}

function parseDigest(element: DerElement): SignatureDigest {
  return parseAlgorithm(element, 'digest algorithm', digests, 'SHA-256, SHA-384 or SHA-512');
}

function parseSignatureAlgorithm(element: DerElement) {
  return parseAlgorithm(element, 'signature algorithm', signatureAlgorithms, 'RSA (PKCS#1 v1.5) or ECDSA');
}

/** AlgorithmIdentifier: parameters are absent or NULL for all that are supported. */
function parseAlgorithm<T>(element: DerElement, field: string, table: Readonly<Record<string, T>>, wanted: string): T {
  const r = new DerReader(element, `${what}: ${field}`);
  const oid = r.oid('algorithm');
  const algorithm = Object.hasOwn(table, oid) ? table[oid] : undefined;
  if (algorithm === undefined)
    throw new Fault('verity-signature.algorithm', `Cannot read ${what}: ${field} ${oid}, want ${wanted}`);
  r.optional(tags.null);
  r.end();
  return algorithm;
}

function checkOid(actual: string, wanted: string, field: string): void {
  if (actual !== wanted) throw refused(`${field} ${actual}, want ${wanted}`);
}

function refused(problem: string): Fault {
  return new Fault('verity-signature.pkcs7', `Cannot read ${what}: ${problem}`);
}
