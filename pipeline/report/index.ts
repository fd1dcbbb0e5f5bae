export { printable, renderError, renderErrorJson } from './error.ts';
