import type { LintCode, LintFinding } from '../lint/index.ts';
import { printable } from './error.ts';

/** Findings for people, with the place and the fix of each. */
export function renderLint(findings: readonly LintFinding[], subject: string): string {
  if (findings.length === 0) return `${printable(subject)}: nothing found that undoes protection\n`;
  const lines = findings.flatMap(({ level, code, message, file, line, fix }) => [
    `${level.toUpperCase().padEnd(7)}  ${printable(message)} [${code}]`,
    ...(file === null ? [] : [`         at ${printable(file)}${line === null ? '' : `:${line}`}`]),
    `         fix: ${printable(fix)}`,
  ]);
  return `${lines.join('\n')}\n`;
}

/**
 * The same in the form that code scanning reads: SARIF 2.1.0 (OASIS), one run.
 *
 * @param meanings of the codes: an argument, so that who renders a verdict does not load what looks at settings
 */
export function buildSarif(
  findings: readonly LintFinding[],
  version: string,
  meanings: Readonly<Record<LintCode, string>>,
): object {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'nodeproof',
            version,
            informationUri: 'https://nodeproof.dev',
            rules: codes.map((id) => ({ id, shortDescription: { text: meanings[id] } })),
          },
        },
        results: findings.map(({ code, level, message, file, line, fix }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level,
          message: { text: `${printable(message)}. ${printable(fix)}` },
          ...(file === null ? {} : { locations: [{ physicalLocation: physicalLocation(file, line) }] }),
        })),
      },
    ],
  };
}

/** Paths of a node, relative to its root. */
function physicalLocation(file: string, line: number | null): object {
  const uri = encodeURI(file.replace(/^\/+/, ''));
  return { artifactLocation: { uri, uriBaseId: 'ROOT' }, ...(line === null ? {} : { region: { startLine: line } }) };
}
