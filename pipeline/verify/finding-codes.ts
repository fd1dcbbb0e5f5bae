/** What each finding of this folder means, for the table in the documentation: a signature is good, but not the expected one. */
export const findingCodes = Object.freeze({
  'signer.kind': 'signed with a certificate where the rule wants a key, or the other way round',
  'signer.root': 'the certificate is vouched for by another pinned root than the rule names',
  'signer.issuer': 'the identity comes from another issuer',
  'signer.identity': 'the certificate names another subject',
  'signer.builder': 'another workflow, or another version of it, held the signing token',
  'signer.caller': 'the run started from another workflow',
  'signer.repository': 'built from another repository',
  'signer.repository-id': 'the repository has the right name but another numeric id: the name was taken over',
  'signer.owner': 'the repository belongs to another owner',
  'signer.owner-id': 'the owner has the right name but another numeric id: the name was taken over',
  'signer.ref': 'built from another branch or tag',
  'signer.trigger': 'the run was started by an event that the rule does not allow',
  'signer.runner-environment': 'built on another kind of runner',
  'signer.environment': 'the job ran in another deployment environment, or in none',
  'signer.commit': 'the provenance names another commit than the certificate',
  'signer.key': 'signed with another pinned key',
  'signer.key-expired': 'signed after the end date of the key, or at an unproven time and the date has passed',
  'signer.key-not-yet-valid': 'signed before the start date of the key',
  'statement.predicate-type': 'the statement says something of another kind',
  'statement.subject': 'the statement is about something else',
} as const);

/**
 * What each fault of this folder and of the formats below it means: the attestation is not authentic or not readable.
 * A judgement that meets one turns it into a finding of the same code.
 */
export const faultCodes = Object.freeze({
  'base64.form': 'a field is not base64 in its canonical form',
  'bytes.utf8': 'a text is not UTF-8',
  'json.syntax': 'a document is not JSON',
  'json.duplicate-key': 'a key stands twice in one object, so that two readers could see two values',
  'json.key': 'an object has a key that is not allowed',
  'json.number': 'a number is too large to be kept',
  'json.text': 'a text holds half of a surrogate pair',
  'limit.json': 'a document is larger than its limit',
  'limit.json-depth': 'a document is nested deeper than its limit',
  'limit.json-members': 'an object in a document has more members than any that is meant',
  'limit.json-values': 'a document holds more values than its size lets expect',
  'dsse.envelope': 'the envelope has a field that is missing, unknown or malformed',
  'bundle.media-type': 'the bundle is of an unknown version',
  'bundle.field': 'the bundle has a field that is missing, unknown or malformed',
  'bundle.content': 'the bundle holds a message signature where a statement is wanted',
  'bundle.malformed': 'a part of the bundle can not be decoded',
  'bundle.log-entry': 'a transparency log entry does not prove this signature by this signer, or too few logs do',
  'bundle.timestamp': 'the time of the signature is not authenticated, or by too few sources',
  'bundle.no-root':
    'the bundle of a pinned key has log entries or timestamps, and no root is pinned that could vouch for them',
  'bundle.artifact': 'the artifact’s bytes are needed, or are too many for this kind of signature',
  'certificate.malformed': 'the signing certificate is not an X.509 certificate in DER',
  'certificate.extension':
    'the signing certificate has an extension that stands twice, is unknown and critical, or is malformed',
  'certificate.usage': 'the signing certificate is not for signing code',
  'certificate.identity': 'the signing certificate does not name exactly one subject',
  'certificate.issuer': 'the signing certificate names no issuer, or one that its root may not vouch for',
  'certificate.chain':
    'no pinned certificate authority issued the signing certificate for that time, or too few logs know it',
  'signature.mismatch': 'the signature was not made with the certificate’s key over these bytes',
  'signature.no-key': 'the signature was made with none of the pinned keys',
  'signature.no-root': 'the bundle has a certificate, and no root is pinned',
  'signature.identity': 'the bundle is signed by someone else than expected',
  'signature.key-time': 'the pinned key signed before its start date or after its end date',
  'signature.artifact': 'the message signature is over another artifact',
  'statement.payload-type': 'the envelope’s payload is no in-toto statement',
  'statement.type': 'the payload is a statement of an unknown type',
  'statement.field': 'the statement has a field that is missing or malformed',
  'provenance.field': 'the SLSA provenance has a field that is missing or malformed',
  'verification-summary.field': 'the verification summary has a field that is missing or malformed',
  'verification-result.field': 'the verification result has a field that is missing or malformed',
  'reference.field': 'the reference predicate has a field that is missing or malformed',
  'usage.expectation': 'a verification was asked for without saying by whom or of what',
} as const);

export type FindingCode = keyof typeof findingCodes;
