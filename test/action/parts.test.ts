import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { declareArtifacts, readDeclaredArtifacts, subjectOptions } from '../../pipeline/action/artifacts.ts';
import { type FileFinder, openFileFinder } from '../../pipeline/action/globs.ts';
import { inputs } from '../../pipeline/action/interface.ts';
import { readInputs } from '../../pipeline/action/inputs.ts';
import { readKeyInput } from '../../pipeline/action/key.ts';
import { runAction } from '../../pipeline/action/program.ts';
import type { ReleaseDescription } from '../../pipeline/action/release-description.ts';
import { writeOutput, writeSummary } from '../../pipeline/action/runner-files.ts';
import { option, quoteArgument, renderCommandLine, type Step } from '../../pipeline/action/step.ts';
import { renderReleaseSummary, renderStatements } from '../../pipeline/action/summary.ts';
import { renderCommand, renderLine } from '../../pipeline/action/workflow-command.ts';
import type { ActionWorld } from '../../pipeline/action/world.ts';
import { Fault } from '../../pipeline/core/index.ts';
import { codeBlock, codeSpan, escapeText } from '../../pipeline/formats/markdown/index.ts';
import { provenanceType } from '../../pipeline/formats/slsa/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { parseOutputs } from './run-action.ts';

const folder = makeTemporaryFolder();
let files = 0;

function openWorld(
  environment: Readonly<Record<string, string>> = {},
  directory = folder,
): ActionWorld & { readonly log: string[] } {
  const log: string[] = [];
  return {
    directory,
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

test('A block of code ends at its own fence only', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.constantFrom('```', 'a\n````\nb', '`')), (text) => {
      const [fence = '', ...lines] = codeBlock('', text).split('\n');
      expect(lines.pop()).toBe(fence);
      expect(lines.join('\n')).toBe(text);
      expect(text).not.toContain(fence);
    }),
  );
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

  test.each([
    ['a path that ends with white space', 'new ', folder, 'reserves'],
    ['a path with a line end', 'a\rb', folder, 'reserves'],
    ['a workspace with =', 'new', '/home/a=b', 'reserves'],
    ['what a container keeps to itself', '/tmp/new', '/__w/nodes/nodes', 'container'],
  ])('leave out %s, which the runner would not find', (_what, path, directory, why) => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target }, directory);
    declareArtifacts([{ path, name: 'new', digest }], world);
    expect(readFileSync(target, 'utf8')).toBe('');
    expect(world.log.join('')).toContain(why);
  });

  test('are none, with a warning, where the list is of a later form: what was signed stays signed', () => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target, GITHUB_ARTIFACTS_LIST: placeFile(list([], 2)) });
    declareArtifacts([{ path: 'new', name: 'new', digest }], world);
    expect([readFileSync(target, 'utf8'), world.log.length]).toEqual(['', 1]);
  });

  test('are no more than a step may write', () => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target });
    const long = `${'d'.repeat(250)}/`.repeat(12);
    declareArtifacts(
      Array.from({ length: 499 }, (_, at) => ({ path: `${long}f${at}`, name: `f${at}`, digest })),
      world,
    );
    expect(readFileSync(target).byteLength).toBeLessThanOrEqual(1024 * 1024);
    expect(world.log.length).toBeGreaterThan(0);
  });

  test('are no more than a job may have', () => {
    const target = placeFile('');
    const world = openWorld({ GITHUB_ARTIFACTS: target });
    declareArtifacts(
      Array.from({ length: 510 }, (_, at) => ({ path: `f${at}`, name: `f${at}`, digest })),
      world,
    );
    expect(readFileSync(target, 'utf8').trimEnd().split('\n')).toHaveLength(500);
    expect(world.log.join('')).toMatch(/f500, f501, f502, f503, f504 and 5 more: .* a job may declare 500\n$/);
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

test('The line in the log is no longer than a page takes', () => {
  expect(renderCommandLine(['verify', 'a b'])).toBe("nodeproof verify 'a b'");
  expect(renderCommandLine(Array.from({ length: 16_384 }, () => 'f'))).toMatch(
    /^nodeproof (?:f ){200}… \(16184 more\)$/,
  );
});

describe('Values of options', () => {
  test.each<[string | readonly string[] | undefined, readonly string[]]>([
    [undefined, []],
    [[], []],
    ['a', ['--sysext', 'a']],
    [
      ['a', 'b'],
      ['--sysext', 'a', 'b'],
    ],
    [
      ['a', '--key', 'b'],
      ['--sysext=a', '--sysext=--key', '--sysext=b'],
    ],
  ])('of %o become no options', (given, wanted) => {
    expect(option('sysext', given)).toEqual(wanted);
  });
});

describe('Files that inputs name', () => {
  const place = join(folder, 'workspace');
  mkdirSync(join(place, 'sub'), { recursive: true });
  for (const name of ['a.raw', 'b.raw', 'c d,e.raw', '-x.raw', 'k=v.raw', 'sha256:ab', '[1].raw', 'sub/a.raw'])
    writeFileSync(join(place, name), name);
  symlinkSync('a.raw', join(place, 'link.raw'));
  symlinkSync('nowhere', join(place, 'broken.raw'));

  function find<T>(given: Readonly<Record<string, string>>, read: (finder: FileFinder) => T): T {
    const environment = Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value] as const);
    const world = openWorld(Object.fromEntries(environment), place);
    return read(openFileFinder(readInputs(world), world));
  }
  const files = (lines: string): readonly string[] => find({ 'subject-path': lines }, (f) => f.files('subject-path'));
  const sysexts = (lines: string) => find({ sysext: lines }, (f) => f.named('sysext'));

  test.each<[string, string, readonly string[]]>([
    ['of two spellings stand once', `a.raw\n./a.raw\nsub/../a.raw`, ['a.raw']],
    ['as absolute paths are the same', `${join(place, 'a.raw')}\r\na.raw\r\n`, ['a.raw']],
    ['are left out by any spelling', '[ab].raw\n!./b.raw', ['a.raw']],
    ['look like no option', '-x.raw', ['./-x.raw']],
    ['look like no NAME=FILE and no digest', 'k*\nsha*', ['./k=v.raw', './sha256:ab']],
    ['are meant by their very name first', '[1].raw', ['[1].raw']],
    ['may have spaces and commas', 'c*', ['c d,e.raw']],
    ['may be links', '*k.raw\n# a comment', ['link.raw']],
    ['are no directories', '*b\nsub/*', ['./sha256:ab', 'sub/a.raw']],
  ])('%s', (_what, lines, wanted) => {
    expect(files(lines)).toEqual(wanted);
  });

  test.each(['broken.raw', 'sub', 'a.raw\nnothing*'])('are wanted to be there: %s', (lines) => {
    expect(() => files(lines)).toThrow(/no regular file matches/);
  });

  test('have the name that a line gives, whichever other line matches them too', () => {
    for (const lines of ['one=a.raw\n[ab].raw', '[ab].raw\none=./a.raw'])
      expect(sysexts(lines)).toEqual([
        { name: 'one', path: 'a.raw' },
        { name: null, path: 'b.raw' },
      ]);
    expect(() => sysexts('one=a.raw\ntwo=a.raw')).toThrow(/named both one and two/);
  });

  test('may be missing where the workflow says so, but for those that decide what a signature is worth', () => {
    const lax = { 'fail-on-missing': 'false', sysext: 'no*.raw', 'upstream-key': 'no*.asc', 'signing-config': 'no' };
    expect(find(lax, (finder) => finder.named('sysext'))).toEqual([]);
    expect(() => find(lax, (finder) => finder.files('upstream-key'))).toThrow(/no regular file matches/);
    expect(() => find(lax, (finder) => finder.file('signing-config'))).toThrow(/no regular file matches/);
  });
});

describe('The input key', () => {
  const pem = makeKey();
  const read = (key: string) => {
    const world = openWorld({ INPUT_KEY: key });
    return readKeyInput(readInputs(world), world);
  };

  test.each<[string, string]>([
    ['as it is', pem],
    ['with CRLF', pem.replaceAll('\n', '\r\n')],
    ['with spaces for line ends', pem.replaceAll('\n', ' ')],
    ['with \\n for line ends', pem.replaceAll('\n', String.raw`\n`)],
    ['in base64', Buffer.from(pem).toString('base64')],
    ['after a comment', `Bag Attributes\n    friendlyName: release\n${pem}`],
  ])('is read %s', (_how, key) => {
    const { option: named, pem: text } = read(key) ?? {};
    expect(named).toBe('env://NODEPROOF_KEY');
    expect(text?.replaceAll('\r', '')).toContain(pem.trim());
  });

  test('may be the path of a file, and is shown then only', () => {
    const path = placeFile(pem);
    expect(read(path)).toEqual({ option: path, pem: null });
  });

  test.each([
    ['the base64 of something else', Buffer.from('hunter2'.repeat(9)).toString('base64')],
    ['half a key', pem.split('\n').slice(1).join('\n')],
    ['anything', 'hunter2'],
    ['a NUL', 'hunter2\0'],
  ])('that is %s is refused, and nothing of it is told', async (_what, key) => {
    const world = openWorld({ INPUT_KEY: key, 'INPUT_NODE-SET-NAME': 'n', 'INPUT_SUBJECT-PATH': placeFile('x') });
    expect(await runAction(world)).toBe(2);
    const log = world.log.join('');
    expect(log).toContain('Cannot use the input key');
    for (const line of key.split(/[\n\0]/).filter((each) => each.length > 3)) expect(log).not.toContain(line);
  });
});

describe('Before anything is signed', () => {
  test.each(['show-summary', 'dry-run', 'keep-draft', 'publish-artifacts', 'push-to-registry'])(
    'a %s that is no flag is refused',
    async (name) => {
      const world = openWorld({ [`INPUT_${name.toUpperCase()}`]: 'yes' });
      expect(await runAction(world)).toBe(2);
      expect(world.log.join('')).toContain(`Cannot use the input ${name}`);
    },
  );

  test('artifacts of earlier steps are not taken for files that are missing', async () => {
    const subjects = [{ name: 'tool', digest: `sha256:${'a'.repeat(64)}`, kind: 'oci' }];
    const world = openWorld({
      'INPUT_FAIL-ON-MISSING': 'false',
      'INPUT_NODE-SET-NAME': 'n',
      'INPUT_SUBJECT-PATH': 'nothing*',
      INPUT_KEY: makeKey(),
      GITHUB_ARTIFACTS_LIST: placeFile(JSON.stringify({ version: 1, subjects })),
    });
    expect(await runAction(world)).toBe(2);
    expect(world.log.join('')).toContain('no file was named');
  });
});

describe('Mode verify without a verdict', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['an input that there is not', { INPUT_POLICES: 'x' }],
    ['a flag that is none', { 'INPUT_FAIL-ON-MISSING': 'perhaps' }],
    ['files that may be missing, and are', { 'INPUT_FAIL-ON-MISSING': 'false', 'INPUT_SUBJECT-PATH': 'no*' }],
    ['a digest that is none', { INPUT_DIGEST: '--json' }],
  ])('has the output refuse for %s', async (_what, given) => {
    const output = placeFile('');
    const world = openWorld({ INPUT_MODE: 'verify', INPUT_POLICY: 'p.yaml', GITHUB_OUTPUT: output, ...given });
    expect(await runAction(world)).toBe(2);
    expect(parseOutputs(readFileSync(output, 'utf8'))).toEqual({ verdict: 'refuse' });
  });
});

describe('The summary of a release that somebody else made', () => {
  const step = { world: openWorld({ GITHUB_REPOSITORY: 'acme/nodes' }) } as Pick<Step, 'world'> as Step;
  const render = (name: string, identity: string): string => {
    const release: ReleaseDescription = {
      directory: name,
      bundles: [
        {
          path: `d/${name.replaceAll('/', '')}.sigstore.json`,
          predicateType: provenanceType,
          subjects: [{ name, digest: `sha256:${'a'.repeat(64)}`, role: 'file' }],
          certificate: { identity, issuer: 'https://issuer.example' },
        },
      ],
      sboms: [],
      trustPack: null,
      nodeSet: null,
      markdown: '# Everything is fine',
    };
    return renderReleaseSummary(renderStatements(release), release, [], step);
  };
  const markup = '<img src=x>[a](http://evil.example)';

  test.each([
    ['that ends the block of commands', `a\n\`\`\`\n${markup}`],
    ['with a fence on one line', `\`\`\`\`${markup}`],
    ['that ends a cell', `a|\`${markup}`],
    ['that turns the direction of text', `\u202E${markup}`],
  ])('has no markup by a name %s', (_what, name) => {
    const summary = render(name, name);
    const outside = summary.replace(/^(`{3,})sh\n[^]*?\n\1$/m, '').replaceAll(/`[^`\n]*`/g, '');
    expect(outside).not.toContain('<img');
    expect(outside).not.toContain('evil.example');
  });

  test('shows commands that take no name for an option', () => {
    expect(render('--key=x', 'b')).toMatch(/ \.\/--key=x\n.* \.\/--key=x /s);
  });

  test('does not have what its own summary says', () => {
    expect(render('a', 'b')).not.toContain('Everything is fine');
  });
});
