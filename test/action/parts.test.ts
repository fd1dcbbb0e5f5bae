import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { declareArtifacts, readDeclaredArtifacts, subjectOptions } from '../../pipeline/action/artifacts.ts';
import { inputs } from '../../pipeline/action/interface.ts';
import { readInputs } from '../../pipeline/action/inputs.ts';
import { writeOutput, writeSummary } from '../../pipeline/action/runner-files.ts';
import { quoteArgument } from '../../pipeline/action/step.ts';
import { renderCommand, renderLine } from '../../pipeline/action/workflow-command.ts';
import type { ActionWorld } from '../../pipeline/action/world.ts';
import { Fault } from '../../pipeline/core/index.ts';
import { codeSpan, escapeText } from '../../pipeline/formats/markdown/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { parseOutputs } from './run-action.ts';

const folder = makeTemporaryFolder();
let files = 0;

function openWorld(environment: Readonly<Record<string, string>> = {}): ActionWorld & { readonly log: string[] } {
  const log: string[] = [];
  return {
    directory: folder,
    environment,
    now: () => new Date('2026-11-22T12:00:00Z'),
    write: (text) => void log.push(text),
    log,
  };
}

function placeFile(content: string | Uint8Array): string {
  const path = join(folder, `file-${++files}`);
  writeFileSync(path, content);
  return path;
}

const anyText = fc.string({ unit: 'binary', maxLength: 60 });

describe('What is written to the log', () => {
  test('is one command, whatever is in it', () => {
    fc.assert(
      fc.property(anyText, anyText, (title, message) => {
        const line = renderCommand('error', { title }, message);
        expect(line).toMatch(/^::error title=[^:,\r\n]*::[^\r\n]*\n$/);
      }),
    );
  });

  test('is no command where it is a line for people', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.constantFrom('::error::x', '  ::set-env name=a::b', '##[command]x')), (text) => {
        const line = renderLine(text);
        expect(line).not.toMatch(/^\s*::|##\[/);
        expect(line.slice(0, -1)).not.toMatch(/[\r\n]/);
      }),
    );
  });

  test.each([
    ['plain.raw', 'plain.raw'],
    ['two words', "'two words'"],
    ["it's", String.raw`'it'\''s'`],
    ['$(rm)', "'$(rm)'"],
  ])('shows %s as a shell takes it', (given, wanted) => {
    expect(quoteArgument(given)).toBe(wanted);
  });
});

describe('Outputs', () => {
  test('come out as they went in, and hold no other output', () => {
    fc.assert(
      fc.property(anyText, anyText, (first, second) => {
        const path = placeFile('');
        const world = openWorld({ GITHUB_OUTPUT: path });
        writeOutput(world, 'bundle-dir', first);
        writeOutput(world, 'verdict', second);
        // A file is UTF-8: what is no text comes out as its replacement.
        const text = (value: string): string => Buffer.from(value).toString('utf8');
        expect(parseOutputs(readFileSync(path, 'utf8'))).toEqual({ 'bundle-dir': text(first), verdict: text(second) });
      }),
      { numRuns: 50 },
    );
  });
});

test('A summary that is too long for the runner is cut at the end of a line, and says so', () => {
  const path = placeFile('');
  writeSummary(openWorld({ GITHUB_STEP_SUMMARY: path }), `${'ä'.repeat(99)}\n`.repeat(10_000));
  const text = readFileSync(path);
  expect(text.byteLength).toBeLessThanOrEqual(1024 * 1024);
  expect(text.toString('utf8')).toMatch(/ä{99}\n\nThe rest does not fit into a summary\.\n$/);
});

describe('Text in Markdown', () => {
  test('ends no cell and begins no markup', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapeText(text).replaceAll(/\\[\\|<>`*_[\]]/g, '')).not.toMatch(/[|<>`*_[\]\r\n]/);
        expect(codeSpan(text).slice(1, -1)).not.toMatch(/[`|\r\n]/);
      }),
    );
  });
});

describe('Declared artifacts', () => {
  const list = (subjects: unknown, version = 1): string => JSON.stringify({ version, subjects });
  const digest = `sha256:${'a'.repeat(64)}`;
  const tool = { name: 'tool', digest, kind: 'file' };

  test('are read by name and digest', () => {
    const world = openWorld({
      GITHUB_ARTIFACTS_LIST: placeFile(list([tool, { ...tool, name: 'ghcr.io/a/b', kind: 'oci' }])),
    });
    expect(subjectOptions(readDeclaredArtifacts(world))).toEqual([`tool@${digest}`, `ghcr.io/a/b@${digest}`]);
  });

  test.each([
    ['where the runner does not say', undefined],
    ['where the feature is off', ''],
    ['where there are none', list([])],
  ])('are none %s', (_where, content) => {
    const world = openWorld(content === undefined ? {} : { GITHUB_ARTIFACTS_LIST: placeFile(content) });
    expect(readDeclaredArtifacts(world)).toEqual([]);
  });

  test.each([
    ['another version', list([tool], 2)],
    ['a digest of another form', list([{ ...tool, digest: 'md5:abc' }])],
    ['a digest of the wrong length', list([{ ...tool, digest: `sha512:${'a'.repeat(64)}` }])],
    ['another kind', list([{ ...tool, kind: 'url' }])],
    ['no list', '[]'],
    ['no JSON', 'tool'],
  ])('refuse %s', (_what, content) => {
    const world = openWorld({ GITHUB_ARTIFACTS_LIST: placeFile(content) });
    expect(() => readDeclaredArtifacts(world)).toThrow(Fault);
  });

  test('of any bytes are a list or a fault', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const world = openWorld({ GITHUB_ARTIFACTS_LIST: placeFile(bytes) });
          try {
            expect(Array.isArray(readDeclaredArtifacts(world))).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('leave out, with a warning, what would fail the step', () => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target, GITHUB_ARTIFACTS_LIST: placeFile(list([tool])) });
    declareArtifacts(
      [
        { path: 'tool', name: 'tool', digest },
        { path: 'other/tool', name: 'tool', digest: `sha256:${'b'.repeat(64)}` },
        { path: 'a=b', name: 'a=b', digest },
        { path: 'new', name: 'new', digest },
      ],
      world,
    );
    expect(readFileSync(target, 'utf8')).toBe(`file://${join(folder, 'new')}\n`);
    expect(world.log).toHaveLength(2);
  });

  test('are no more than a job may have', () => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target });
    declareArtifacts(
      Array.from({ length: 510 }, (_, at) => ({ path: `f${at}`, name: `f${at}`, digest })),
      world,
    );
    expect(readFileSync(target, 'utf8').trimEnd().split('\n')).toHaveLength(500);
    expect(world.log).toHaveLength(10);
  });
});

describe('Inputs', () => {
  test('have the default of the table where nothing is given', () => {
    const read = readInputs(openWorld());
    expect(read.text('mode')).toBe('attest');
    expect(read.isSet('show-summary')).toBe(true);
    expect(read.isSet('dry-run')).toBe(false);
    expect(read.text('github-token')).toBeUndefined();
  });

  test('are trimmed, and lists have no empty lines', () => {
    const read = readInputs(openWorld({ INPUT_SYSEXT: '\n a.raw \r\n\n b.raw\n' }));
    expect(read.lines('sysext')).toEqual(['a.raw', 'b.raw']);
  });

  test('are described so that nobody needs the sources', () => {
    for (const { about } of Object.values(inputs)) expect(about).toMatch(/^.{20,320}\.$|^.{20,}\)\.$/s);
  });
});
