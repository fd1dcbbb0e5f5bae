export { type LogEntry, parseBundle, type SigstoreBundle } from './sigstore-bundle.ts';
