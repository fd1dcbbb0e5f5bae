import type { Fault, Finding } from '../core/index.ts';
import { printable } from '../report/index.ts';

/** A workflow command as the runner reads it from the log (docs: "Workflow commands for GitHub Actions"). */
export function renderCommand(command: string, properties: Readonly<Record<string, string>>, message: string): string {
  const pairs = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(value)}`);
  return `::${command}${pairs.length === 0 ? '' : ` ${pairs.join(',')}`}::${escapeMessage(message)}\n`;
}

/** What failed, and what to do: shown on the run's page. */
export function renderFault({
  code,
  message,
  where,
  next,
}: Pick<Fault, 'code' | 'message' | 'where' | 'next'>): string {
  const lines = [
    message,
    ...(where === undefined ? [] : [`where: ${where}`]),
    ...(next === undefined ? [] : [`next: ${next}`]),
  ];
  return renderCommand('error', { title: `nodeproof ${code}` }, lines.map(printable).join('\n'));
}

export function renderFinding(subject: string, { code, message, next }: Finding): string {
  const lines = [`${subject}: ${message}`, `next: ${next}`];
  return renderCommand('error', { title: `nodeproof ${code}` }, lines.map(printable).join('\n'));
}

export function renderNotice(message: string): string {
  return renderCommand('notice', { title: 'nodeproof' }, printable(message));
}

export function renderWarning(message: string): string {
  return renderCommand('warning', { title: 'nodeproof' }, printable(message));
}

/**
 * A line for people: names in it may come from images, and must not become commands. The runner takes `::` for one at the
 * beginning of a line, white space before it or not, and the older `##[` anywhere in it.
 */
export function renderLine(text: string): string {
  return `${printable(text)
    .replaceAll('##[', '## [')
    .replace(/^(\s*):(?=:)/, '$1: ')}\n`;
}

function escapeMessage(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
