/**
 * What sigstore-js is needed for, loaded with its first use: half a megabyte. A file of its own, because a bundle gives
 * `import()` of a CommonJS package no names.
 */
export { RFC3161Timestamp } from '@sigstore/core';
export { TransparencyLogEntry } from '@sigstore/protobuf-specs';
export { FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
