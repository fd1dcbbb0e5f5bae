export { codeSpan, escapeText } from './markdown.ts';
