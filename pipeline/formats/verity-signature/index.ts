export { parseVeritySignature, type VeritySignature } from './verity-signature.ts';
export { verifyVeritySignature, type VeritySigner } from './verify-verity-signature.ts';
