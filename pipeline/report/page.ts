import { printable } from './error.ts';

/** A page of headed facts for a terminal or a ticket: no colour, no box drawing, aligned. */
export type Fact = readonly [label: string, value: string];

export function renderFacts(facts: readonly Fact[], indent = '  '): string {
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  return facts.map(([label, value]) => `${indent}${label.padEnd(width)}  ${printable(value)}`.trimEnd()).join('\n');
}

/** Columns as wide as their widest cell, the last one ragged. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[], indent = '  '): string {
  const all = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) => `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `7.9 GiB`, with the exact number where people compare it. */
export function renderSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return power === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[power] ?? ''}`;
}
