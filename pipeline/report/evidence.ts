import type { Evidence, Extension, ExtensionState } from '../evidence/index.ts';
import { type Fact, renderFacts, renderTable } from './page.ts';
import { printable } from './error.ts';

type Known = { readonly value: string | null; readonly grade: string; readonly source: string };

/** Evidence for people: each fact with how it is known. */
export function renderEvidence(evidence: Evidence): string {
  const { os, kernel, usr } = evidence;
  const unread = [...evidence.unread, ...evidence.units.unread];
  const facts: readonly (readonly [string, Known])[] = [
    ['id', os.id],
    ['version id', os.versionId],
    ['build id', os.buildId],
    ['architecture', os.architecture],
    ['kernel', kernel.release],
    ['usr', { ...usr.mapping, value: describeUsr(evidence) }],
    ['command line', kernel.commandLine],
  ];
  const sections = [
    `EVIDENCE  collected ${evidence.collectedAt}${evidence.simulated ? '  (simulated)' : ''}`,
    '',
    renderTable(
      ['FACT', 'GRADE', 'VALUE'],
      facts.map(([name, { value, grade }]) => [name, grade, value?.trim() ?? 'cannot be told']),
    ),
    ...renderExtensions('sysexts', evidence.sysexts),
    ...renderExtensions('confexts', evidence.confexts),
    ...(unread.length === 0
      ? []
      : [
          '',
          'could not be looked at',
          renderFacts(unread.map(({ path, code, message }): Fact => [printable(path), `${message} [${code}]`])),
        ]),
  ];
  return `${sections.join('\n')}\n`;
}

function describeUsr({ usr }: Evidence): string {
  const { value, source } = usr.mapping;
  if (value === null) return source;
  const [target] = value.targets;
  return `${value.name} (${value.device}): ${[target?.type ?? 'no table', ...(target?.parameters ?? [])].join(' ')}`;
}

function renderExtensions(title: string, { found, merged, overlay }: ExtensionState): readonly string[] {
  if (found.length === 0 && merged.value === null && overlay === null) return ['', `${title}: none`];
  const state = merged.value === null ? 'not merged' : `merged: ${merged.value.map(printable).join(', ') || 'none'}`;
  const upper = overlay?.upperDirectory ?? null;
  return [
    '',
    `${title}: ${state}${upper === null ? '' : `; can be written, in ${printable(upper)}`}`,
    ...(found.length === 0 ? [] : [renderTable(['NAME', 'KIND', 'SHA256', 'PATH'], found.map(extensionRow))]),
  ];
}

function extensionRow({ name, kind, hidden, sha256, path, resolvedPath, problem }: Extension): readonly string[] {
  const place = resolvedPath === null || resolvedPath === path ? path : `${path} -> ${resolvedPath}`;
  return [
    name,
    hidden ? `${kind}, hidden` : kind,
    sha256.value ?? '-',
    problem === null ? place : `${place} (${problem.message})`,
  ];
}
