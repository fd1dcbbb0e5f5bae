export { decodeBase64 } from './base64.ts';
export { parseJson, parseJsonBytes } from './json.ts';
