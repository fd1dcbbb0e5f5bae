export { encodeVeritySignature, openRootHashSigner, type RootHashSigner, signRootHash } from './sign-root-hash.ts';
export { parseVeritySignature, type VeritySignature } from './verity-signature.ts';
export { verifyVeritySignature, type VeritySigner } from './verify-verity-signature.ts';
