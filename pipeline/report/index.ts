export { printable, renderError, renderErrorJson } from './error.ts';
export { renderEvidence } from './evidence.ts';
export { buildGuardDocument, type GuardReport, type KeptOut, renderGuard } from './guard.ts';
export { renderInspection } from './inspection.ts';
export { buildSarif, renderLint } from './lint.ts';
export { renderFacts, renderSize, renderTable } from './page.ts';
export { renderPolicy } from './policy.ts';
export { buildRefreshDocument, isNeeded, type RefreshReport, renderRefresh } from './refresh.ts';
export { buildVerdictDocument, renderVerdict, type VerdictReport } from './verdict.ts';
