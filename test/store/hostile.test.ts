import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digest, Fault, type Json } from '../../pipeline/core/index.ts';
import { findCredentials } from '../../pipeline/edge/store/index.ts';
import {
  buildPublication,
  buildSubjectIndexes,
  encodeSubjectIndex,
  parseDescriptor,
  parseImageIndex,
  parseLayers,
  parseSubjectIndex,
  planRegistry,
} from '../../pipeline/store/index.ts';
import { makeSmallRelease } from '../support/small-release.ts';

const release = await makeSmallRelease();
const publication = buildPublication(release.files, [release.artifact]);
const [index] = buildSubjectIndexes(publication);
const plan = planRegistry(publication, []);
const entries = plan.subjectTags.flatMap((tag) => tag.entries);

/** Each parser of what a server says, and a document that it takes. */
const parsers = {
  'a subject index': {
    parse: (bytes: Uint8Array) => parseSubjectIndex(bytes, Digest.parse(index?.subject ?? '')),
    valid: encodeSubjectIndex(index!),
  },
  'an image index': {
    parse: (bytes: Uint8Array) => parseImageIndex(bytes).manifests.map(parseDescriptor),
    valid: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: entries })),
  },
  'a manifest': { parse: parseLayers, valid: plan.referrers[0]!.bytes },
  "Docker's configuration": {
    parse: (bytes: Uint8Array) => findCredentials(bytes, 'ghcr.io'),
    valid: Buffer.from('{"auths":{"ghcr.io":{"auth":"cm9ib3Q6eA=="}}}'),
  },
};

function faultOrValue(step: () => unknown): void {
  try {
    step();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
  }
}

describe.each(Object.entries(parsers))('The parser of %s', (_name, { parse, valid }) => {
  test('takes what we write', () => {
    expect(parse(valid)).toBeTruthy();
  });

  test('gives a value or a fault for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => faultOrValue(() => parse(bytes))));
  });

  test('gives a value or a fault for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => faultOrValue(() => parse(Buffer.from(JSON.stringify(value as Json))))),
    );
  });

  test('gives a value or a fault for what we write with a byte changed, or cut short', () => {
    fc.assert(
      fc.property(fc.nat(valid.byteLength - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bytes = Buffer.from(valid);
        bytes[at] = value;
        faultOrValue(() => parse(cut ? bytes.subarray(0, at) : bytes));
      }),
      { numRuns: 300 },
    );
  });
});
