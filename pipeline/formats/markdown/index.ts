export { codeBlock, codeSpan, escapeText } from './markdown.ts';
