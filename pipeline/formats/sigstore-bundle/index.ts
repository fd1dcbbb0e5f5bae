export { isParsedBundle, type LogEntry, parseBundle, type SigstoreBundle } from './sigstore-bundle.ts';
