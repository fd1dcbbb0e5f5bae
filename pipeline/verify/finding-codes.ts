/** What each finding of this folder means, for the table in the documentation. */
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

export type FindingCode = keyof typeof findingCodes;
