export { type Case, loadCases } from './case-file.ts';
export { type ImageShelf, type ImageSpec, openImageShelf } from './image-shelf.ts';
export { makeRoot } from './made-root.ts';
export { type CaseCommand, type CaseOutcome, type CaseRunner, openCaseRunner } from './run-cases.ts';
