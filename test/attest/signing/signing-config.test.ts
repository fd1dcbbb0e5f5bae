import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSigningConfig, selectServices, type SigningServices } from '../../../pipeline/attest/signing/index.ts';
import { Fault, limits } from '../../../pipeline/core/index.ts';

const at = new Date('2026-06-01T00:00:00Z');
const mediaType = 'application/vnd.dev.sigstore.signingconfig.v0.2+json';

type ServiceJson = {
  url: string;
  majorApiVersion: number;
  validFor: { start: string; end?: string };
  operator?: string;
};

function service(
  url: string,
  start: string,
  given: { end?: string; version?: number; operator?: string } = {},
): ServiceJson {
  const { end, version = 1, operator = 'sigstore.dev' } = given;
  return { url, majorApiVersion: version, validFor: { start, ...(end === undefined ? {} : { end }) }, operator };
}

/** As the public instance's has it. */
const publicGood = {
  mediaType,
  caUrls: [service('https://fulcio.sigstore.dev', '2022-04-13T20:06:15.000Z')],
  oidcUrls: [service('https://oauth2.sigstore.dev/auth', '2022-04-13T20:06:15.000Z')],
  rekorTlogUrls: [service('https://rekor.sigstore.dev', '2021-01-12T11:53:27Z')],
  rekorTlogConfig: { selector: 'ANY' },
  tsaUrls: [service('https://timestamp.sigstore.dev/api/v1/timestamp', '2025-07-04T00:00:00.000000001Z')],
  tsaConfig: { selector: 'ANY' },
};

function parse(config: unknown): ReturnType<typeof parseSigningConfig> {
  return parseSigningConfig(Buffer.from(JSON.stringify(config)));
}

function select(given: object, time = at): SigningServices {
  return selectServices(parse({ ...publicGood, ...given }), time, { certificateAuthority: true });
}

function logsOf(
  rekorTlogUrls: readonly ServiceJson[],
  rekorTlogConfig: object = { selector: 'ANY' },
  time = at,
): readonly string[] {
  return select({ rekorTlogUrls, rekorTlogConfig }, time).logs.map(
    ({ url, majorApiVersion }) => `${url} v${majorApiVersion}`,
  );
}

function faultOf(step: () => unknown): Fault {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('the step passed, want a fault');
}

describe('a signing configuration', () => {
  test('names one service of each kind', () => {
    expect(select({})).toEqual({
      certificateAuthority: 'https://fulcio.sigstore.dev',
      logs: [{ url: 'https://rekor.sigstore.dev', majorApiVersion: 1 }],
      timestampAuthorities: ['https://timestamp.sigstore.dev/api/v1/timestamp'],
    });
  });

  test('without a selection of logs or timestamps uses none', () => {
    const { rekorTlogConfig: _, tsaConfig: __, ...rest } = publicGood;
    const services = selectServices(parse(rest), at, { certificateAuthority: false });
    expect(services).toEqual({ certificateAuthority: undefined, logs: [], timestampAuthorities: [] });
  });

  test('chooses the newest that has started, not one whose time has not come', () => {
    const logs = [
      service('https://future.example', '2027-01-01T00:00:00Z'),
      service('https://old.example', '2024-01-01T00:00:00Z'),
      service('https://new.example', '2026-01-01T00:00:00Z'),
    ];
    expect(logsOf(logs)).toEqual(['https://new.example v1']);
  });

  test('counts the first and the last moment of validity in', () => {
    const logs = [service('https://a.example', '2026-06-01T00:00:00Z', { end: '2026-06-01T00:00:00Z' })];
    expect(logsOf(logs)).toHaveLength(1);
    expect(faultOf(() => logsOf(logs, undefined, new Date(at.getTime() + 1))).code).toBe('config.signing-service');
    expect(faultOf(() => logsOf(logs, undefined, new Date(at.getTime() - 1))).code).toBe('config.signing-service');
  });

  test('prefers the highest version that we speak to a newer service', () => {
    const logs = [
      service('https://v3.example', '2026-03-01T00:00:00Z', { version: 3 }),
      service('https://v1.example', '2026-02-01T00:00:00Z'),
      service('https://v2.example', '2026-01-01T00:00:00Z', { version: 2 }),
      service('https://unreleased.example', '2026-03-01T00:00:00Z', { version: 0 }),
    ];
    expect(logsOf(logs)).toEqual(['https://v2.example v2']);
  });

  test('takes one log of each operator, of one version only', () => {
    const logs = [
      service('https://a-old.example', '2025-01-01T00:00:00Z', { operator: 'a.example' }),
      service('https://a.example', '2026-01-01T00:00:00Z', { operator: 'a.example' }),
      service('https://b.example', '2025-06-01T00:00:00Z', { operator: 'b.example' }),
    ];
    expect(logsOf(logs, { selector: 'ALL' })).toEqual(['https://a.example v1', 'https://b.example v1']);
    expect(logsOf(logs, { selector: 'EXACT', count: 2 })).toHaveLength(2);
    expect(logsOf(logs, { selector: 'EXACT', count: 1 })).toEqual(['https://a.example v1']);
    expect(faultOf(() => logsOf(logs, { selector: 'EXACT', count: 3 })).message).toContain(
      '2 operators have one, want 3',
    );
    expect(faultOf(() => logsOf(logs, { selector: 'EXACT' })).code).toBe('config.signing-service');
  });

  test.each([
    [
      'another version',
      { ...publicGood, mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.1+json' },
      'mediaType',
    ],
    ['a misspelt field', { ...publicGood, tsaConfg: { selector: 'ANY' } }, 'top level'],
    ['an unknown selector', { ...publicGood, tsaConfig: { selector: 'SOME' } }, 'tsaConfig.selector'],
    ['no start', { ...publicGood, caUrls: [{ ...publicGood.caUrls[0], validFor: {} }] }, 'caUrls[0].validFor.start'],
    [
      'a local time',
      { ...publicGood, caUrls: [service('https://a.example', '2026-01-01T00:00:00+01:00')] },
      'caUrls[0].validFor.start',
    ],
    [
      'no such day',
      { ...publicGood, caUrls: [service('https://a.example', '2026-13-41T00:00:00Z')] },
      'caUrls[0].validFor.start',
    ],
    [
      'http beyond the machine',
      { ...publicGood, caUrls: [service('http://fulcio.example', '2026-01-01T00:00:00Z')] },
      'caUrls[0].url',
    ],
    [
      'a name that only starts like loopback',
      { ...publicGood, caUrls: [service('http://127.0.0.1.example', '2026-01-01T00:00:00Z')] },
      'caUrls[0].url',
    ],
    [
      'a password',
      { ...publicGood, caUrls: [service('https://a:b@fulcio.example', '2026-01-01T00:00:00Z')] },
      'caUrls[0].url',
    ],
    ['a file', { ...publicGood, caUrls: [service('file:///etc/passwd', '2026-01-01T00:00:00Z')] }, 'caUrls[0].url'],
    ['no object', [], 'top level'],
  ])('is refused with %s, by its field', (_, config, where) => {
    const fault = faultOf(() => parse(config));
    expect([fault.code, fault.where]).toEqual(['config.signing-config', where]);
  });

  test.each([
    ['is no JSON', Buffer.from('{')],
    ['names a field twice', Buffer.from('{"caUrls":[],"caUrls":[]}')],
    ['is no text', Buffer.from([0xff])],
    ['is large', Buffer.alloc(limits.signingConfigBytes + 1, 0x20)],
  ])('that %s is a fault of configuration', (_, bytes) => {
    expect(faultOf(() => parseSigningConfig(bytes)).code).toBe('config.signing-config');
  });

  test('of any bytes, and any change of a good one, is read or refused', () => {
    const good = Buffer.from(JSON.stringify(publicGood));
    const changed = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([place, mask]) => {
      const bytes = Buffer.from(good);
      bytes[place] = (bytes[place] ?? 0) ^ mask;
      return bytes;
    });
    const cut = fc.nat(good.length).map((length) => good.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), changed, cut), (bytes) => {
        try {
          selectServices(parseSigningConfig(bytes), at, { certificateAuthority: true });
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
  });
});
