import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limits } from '../../pipeline/core/index.ts';
import { evidenceFindingCodes } from '../../pipeline/evidence/index.ts';
import { lintCodes } from '../../pipeline/lint/index.ts';
import { policyFindingCodes } from '../../pipeline/policy/index.ts';
import { trustFindingCodes } from '../../pipeline/trust/index.ts';
import { verifyFaultCodes, verifyFindingCodes } from '../../pipeline/verify/index.ts';
import { checkout, pipeline, readSources } from './sources.ts';

const sources = readSources();
const textFile = /\.(?:ts|json|md|ya?ml|sh)$|\.ci\/run$|\.npmrc$/;
const files = listCheckout().filter((path) => textFile.test(path) && !path.includes('node_modules'));

describe('The checkout', () => {
  test('has at its top what it was laid out with', () => {
    const top = new Set(listCheckout().map((path) => path.split('/')[0] ?? ''));
    const wanted = ['package.json', 'tsconfig.json', 'pipeline', 'policies', 'action.yml', 'test', 'samples'];
    const known = new Set([...wanted, 'README.md', 'LICENSE', 'package-lock.json']);
    const other = [...top].filter((name) => !known.has(name) && !/^\.|^vitest(?:\.\w+)?\.config\.ts$/.test(name));
    expect(other).toEqual([]);
  });

  test('names no package registry, so that everybody installs from their own', () => {
    const hosts = ['npmjs', 'yarnpkg']
      .map((name) => `registry.${name}`)
      .concat(['proxy', 'sum'].map((name) => `${name}.golang`));
    expect(files.filter((path) => mentions(path, (text) => hosts.some((host) => text.includes(host))))).toEqual([]);
    expect(readText('package-lock.json')).not.toContain('"resolved"');
  });

  test('leaves no note to be done later', () => {
    const note = /(?:\/\/|#|\*|<!--)[ \t].*\b(?:TODO|FIXME)\b/;
    const ours = files.filter((path) => !path.endsWith('.json') && !path.startsWith('test/fixtures'));
    expect(ours.filter((path) => mentions(path, (text) => note.test(text)))).toEqual([]);
  });

  test('pins every dependency to one version', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readText('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

describe('The pipeline', () => {
  test('shows a door in every folder', () => {
    const folders = readdirSync(pipeline, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => (['formats', 'edge'].includes(name) ? partsOf(name) : [name]))
      // Nobody imports the outermost two: they are programs.
      .filter((folder) => !['cli', 'action', 'standalone'].includes(folder));
    expect(folders.filter((folder) => !existsSync(join(pipeline, folder, 'index.ts')))).toEqual([]);
  });

  test('sorts by code unit: the order of bytes does not depend on a locale', () => {
    expect(sources.filter(({ code }) => code.includes('localeCompare')).map(({ path }) => path)).toEqual([]);
  });

  test('uses every limit that it has', () => {
    const used = new Set(sources.flatMap(({ code }) => [...code.matchAll(/limits\.(\w+)/g)].map(([, name]) => name)));
    expect(Object.keys(limits).filter((name) => !used.has(name))).toEqual([]);
  });

  test('names its files by kebab-case nouns', () => {
    const vague = /^(?:get|handle|process|do|manager|utils?|helpers?|data|info|misc|common)\.ts$/;
    const named = sources.map(({ path }) => path.split('/').at(-1) ?? '');
    expect(named.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.d)?\.ts$/.test(name) || vague.test(name))).toEqual(
      [],
    );
  });
});

describe('Finding codes', () => {
  const tables = {
    evidence: evidenceFindingCodes,
    policy: policyFindingCodes,
    lint: lintCodes,
    trust: trustFindingCodes,
    verify: verifyFindingCodes,
    'faults of verify': verifyFaultCodes,
  };

  test('stand in one table only', () => {
    const codes = Object.values(tables).flatMap((table) => Object.keys(table));
    expect(codes.filter((code, at) => codes.indexOf(code) !== at)).toEqual([]);
  });

  test.each(Object.entries(tables))('of %s are area and problem, with a meaning in one line', (_name, table) => {
    for (const [code, meaning] of Object.entries(table)) {
      expect(code).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(meaning).toMatch(/^[^\n|]{10,160}$/);
    }
  });

  test.each(Object.entries(tables))('of %s are all found somewhere', (_name, table) => {
    const elsewhere = sources.filter(({ path }) => !path.endsWith('finding-codes.ts')).map(({ code }) => code);
    expect(Object.keys(table).filter((code) => !elsewhere.some((text) => names(text, code)))).toEqual([]);
  });
});

/** As a whole, or put together of its area and its problem. */
function names(text: string, code: string): boolean {
  const [area = '', problem = ''] = code.split('.');
  return (
    text.includes(`'${code}'`) ||
    (text.includes(`'${problem}'`) && (text.includes(`\`${area}.\${`) || text.includes('}.${'))) ||
    (text.includes(`.${problem}\``) && text.includes('${'))
  );
}

/** What git knows of, and what is new and not ignored. */
function listCheckout(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: checkout,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return listed.split('\n').filter((path) => path !== '' && existsSync(join(checkout, path)));
}

function mentions(path: string, judge: (text: string) => boolean): boolean {
  return judge(readText(path));
}

function readText(path: string): string {
  return readFileSync(join(checkout, path), 'utf8');
}

function partsOf(folder: string): readonly string[] {
  return readdirSync(join(pipeline, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);
}
