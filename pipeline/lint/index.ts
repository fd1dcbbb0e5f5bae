export { type LintCode, lintCodes, type LintFinding, type LintLevel } from './finding.ts';
export { lintNode } from './lint.ts';
