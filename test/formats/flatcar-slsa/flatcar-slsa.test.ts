import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { parseFlatcarSlsa } from '../../../pipeline/formats/flatcar-slsa/index.ts';

const commit = 'ab'.repeat(20);
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  subject: [{ uri: 'usr/bin/x', digest: { sha512: '12'.repeat(64) } }],
  predicate: {
    buildDefinition: {
      buildType: 'ghcr.io/flatcar/flatcar-sdk-all:4593.0.0',
      externalParameters: {
        uri: 'https://github.com/flatcar/scripts',
        gitCommit: commit,
        buildCmd: 'emerge',
        atom: '=sys-apps/x-1',
      },
      resolvedDependencies: [
        { uri: 'git+https://github.com/flatcar/scripts@main#x.ebuild', digest: { sha1: 'cd'.repeat(20) } },
        { uri: 'https://example.org/x-1.tar.gz', digest: { sha512: 'ef'.repeat(64), 'blake2b-256': 'unknown here' } },
        { name: 'without a place' },
      ],
    },
    runDetails: { builder: { id: 'TODO - builder ID' } },
  },
};

const fileName = 'sys-apps_x-1-r2.json';
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

function edited(edit: (copy: typeof statement) => void): Buffer {
  const copy = structuredClone(statement);
  edit(copy);
  return bytesOf(copy);
}

function codeOf(content: Uint8Array, name = fileName): string {
  try {
    parseFlatcarSlsa(content, name);
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('parseFlatcarSlsa', () => {
  it('reads package, build type, commit and sources', () => {
    const slsa = parseFlatcarSlsa(bytesOf(statement), fileName);
    expect(slsa).toMatchObject({
      package: { category: 'sys-apps', name: 'x', version: '1-r2' },
      buildType: 'ghcr.io/flatcar/flatcar-sdk-all:4593.0.0',
      commit,
    });
    expect(slsa.sources.map(({ uri, digests }) => [uri, digests.map(({ algorithm }) => algorithm)])).toEqual([
      ['git+https://github.com/flatcar/scripts@main#x.ebuild', ['sha1']],
      ['https://example.org/x-1.tar.gz', ['sha512']],
    ]);
  });

  it('splits category and package at the first underscore only', () => {
    expect(parseFlatcarSlsa(bytesOf(statement), 'coreos-base_update_engine-0.4.json').package.name).toBe(
      'update_engine',
    );
  });

  it('leaves out a commit that is none', () => {
    expect(
      parseFlatcarSlsa(
        edited((s) => (s.predicate.buildDefinition.externalParameters.gitCommit = 'main')),
        fileName,
      ).commit,
    ).toBeNull();
  });

  it.each<[string, Uint8Array, string]>([
    ['text that is no JSON', Buffer.from('{'), 'json.syntax'],
    ['a list', bytesOf([]), 'flatcar-slsa.statement'],
    [
      'another predicate',
      edited((s) => (s.predicateType = 'https://slsa.dev/provenance/v0.2')),
      'flatcar-slsa.statement',
    ],
    ['no predicate', bytesOf({ ...statement, predicate: null }), 'flatcar-slsa.statement'],
    [
      'a build type that is no text',
      bytesOf({ ...statement, predicate: { buildDefinition: { buildType: 1, externalParameters: {} } } }),
      'flatcar-slsa.statement',
    ],
    [
      'sources that are no list',
      bytesOf({
        ...statement,
        predicate: { buildDefinition: { buildType: 'x', externalParameters: {}, resolvedDependencies: {} } },
      }),
      'flatcar-slsa.statement',
    ],
    [
      'a digest of the wrong length',
      edited((s) => (s.predicate.buildDefinition.resolvedDependencies[0]!.digest!.sha1 = 'ab')),
      'digest.hex',
    ],
  ])('refuses %s', (_, content, code) => {
    expect(codeOf(content)).toBe(code);
  });

  it('refuses a file name that names no package', () => {
    expect(codeOf(bytesOf(statement), 'README.json')).toBe('ebuild.package');
  });

  it('answers any JSON with a statement or a fault', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(codeOf(bytesOf({ ...statement, predicate: value }))).toMatch(
          /^(no fault|flatcar-slsa\.|json\.|digest\.)/,
        );
      }),
    );
  });
});
