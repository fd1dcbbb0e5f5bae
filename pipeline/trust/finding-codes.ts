/** What each fault of this folder means, for the table in the documentation. */
export const findingCodes = Object.freeze({
  'policy.signer':
    'a signer rule names a root or key that is not pinned, an issuer that its root may not vouch for, or shares its name',
  'key.pem': 'a public key is not one PEM block of a SubjectPublicKeyInfo',
  'key.type': 'a public key is of a kind that is not verified: want P-256, P-384, Ed25519 or RSA',
  'key.size': 'an RSA key is shorter than 2048 or longer than 8192 bits',
  'trusted-root.pin': 'a trusted root is not the one that the policy pins',
  'trusted-root.field': 'a pinned trusted root has a field that is missing, unknown or malformed',
  'trust-pack.field': 'a trust pack has a field that is missing, unknown or malformed',
  'trust-pack.key': 'a trust pack carries a public key that can not be read',
} as const);
