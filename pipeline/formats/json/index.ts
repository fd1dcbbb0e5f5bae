export { decodeBase64 } from './base64.ts';
export { quoteText } from './quote.ts';
export { parseJson, parseJsonBytes } from './json.ts';
