import { type Document, isNode, isScalar, LineCounter, parseDocument, visit, type YAMLMap } from 'yaml';
import { decodeUtf8, Fault, type Json, limits } from '../../core/index.ts';
import { quoteText } from '../json/index.ts';

/**
 * Reads YAML in which every scalar is a text as it was written (YAML 1.2 §10.1, failsafe schema): `0644`, `yes` and `1.10`
 * mean different things to different readers, and must leave as they came. One document, no key twice, no unknown tags.
 * Faults: butane.yaml, limit.node-config, bytes.utf8.
 */
export function parseYaml(bytes: Uint8Array): Document.Parsed {
  if (bytes.byteLength > limits.nodeConfigBytes)
    throw new Fault(
      'limit.node-config',
      `Cannot read the Butane document: ${bytes.byteLength} bytes, want at most ${limits.nodeConfigBytes}`,
    );
  const text = decodeUtf8(bytes, 'the Butane document');
  return guarded(() => {
    const lineCounter = new LineCounter();
    const document = parseDocument(text, {
      schema: 'failsafe',
      merge: false,
      uniqueKeys: false, // the library compares each with each: checkKeys below does not
      strict: true,
      lineCounter,
      prettyErrors: false,
    });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw unreadable(problem.message, lineCounter, problem.pos[0]);
    visit(document, { Map: (_, map) => checkKeys(map, lineCounter) });
    return document;
  });
}

/** The document as a value. Fault: butane.yaml, also where aliases would blow it up. */
export function valueOf(document: Document.Parsed): Json {
  return guarded(() => document.toJS({ maxAliasCount }) as Json);
}

/** Nodes that one alias may stand for, all told: a document of a person repeats some, a bomb millions. */
const maxAliasCount = 1000;

/** The library throws errors of its own for what it cannot read or repeat, and runs out of stack where nesting has no end. */
export function guarded<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof Fault || !(cause instanceof Error)) throw cause;
    throw new Fault('butane.yaml', `Cannot read the Butane document: ${firstLine(cause.message)}`, { cause });
  }
}

/** Keys are texts, and none stands twice. */
function checkKeys(map: YAMLMap, lineCounter: LineCounter): void {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    const text = isScalar(key) ? String(key.value) : undefined;
    if (text !== undefined && text !== '__proto__' && !seen.has(text)) {
      seen.add(text);
      continue;
    }
    const problem =
      text === undefined
        ? 'a key is no text'
        : seen.has(text)
          ? `the key ${quoteText(text)} stands twice in one map`
          : `the key ${quoteText(text)} is not allowed`;
    throw unreadable(problem, lineCounter, isNode(key) ? (key.range?.[0] ?? 0) : 0);
  }
}

function unreadable(problem: string, lineCounter: LineCounter, offset: number): Fault {
  const { line, col } = lineCounter.linePos(offset);
  return new Fault('butane.yaml', `Cannot read the Butane document: ${firstLine(problem)}`, {
    where: `line ${line}, column ${col}`,
  });
}

/** Messages of the library quote the input. */
function firstLine(message: string): string {
  const [line = ''] = message.split('\n');
  return line.slice(0, 200).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
