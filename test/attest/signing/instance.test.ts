import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseInstance, namedInstance, parseEventVisibility } from '../../../pipeline/attest/signing/index.ts';

const github = 'https://github.com';
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('the instance that signs for a run', () => {
  it.each([
    ['public', 'public'],
    ['public', undefined],
    [undefined, 'public'],
  ])('is the public one where the event says %s and the token %s', (event, token) => {
    expect(chooseInstance(github, { event, token })).toMatchObject({ name: 'public-good', notes: [] });
  });

  it.each([
    ['private', 'private', 'is not public'],
    ['internal', undefined, 'is not public'],
    [undefined, 'something new', 'is not public'],
    ['public', 'private', 'contradict'],
    ['private', 'public', 'contradict'],
    [undefined, undefined, 'not known and counts as private'],
  ])("is GitHub's own where the event says %s and the token %s, and the note says why", (event, token, why) => {
    const { name, services, notes } = chooseInstance(github, { event, token });
    expect(name).toBe('github');
    expect(services).toEqual({
      certificateAuthority: 'https://fulcio.githubapp.com',
      logs: [],
      timestampAuthorities: ['https://timestamp.githubapp.com/api/v1/timestamp'],
    });
    expect(notes).toEqual([expect.stringContaining(why)]);
  });

  it("is the tenant's on ghe.com", () => {
    expect(chooseInstance('https://acme.ghe.com', { event: 'public', token: undefined }).services).toEqual({
      certificateAuthority: 'https://fulcio.acme.ghe.com',
      logs: [],
      timestampAuthorities: ['https://timestamp.acme.ghe.com/api/v1/timestamp'],
    });
  });

  it.each([
    'https://ghes.example.org',
    'https://ghe.com',
    'https://a.b.ghe.com',
    'https://acme.ghe.com.evil.example',
    'https://acme.ghe.com/',
    'http://acme.ghe.com',
    'http://github.com',
    'https://github.com.evil.example',
  ])('is none on %s, which is told with what else there is', (server) => {
    const fault = expect.objectContaining({
      code: 'config.sigstore',
      next: expect.stringContaining('--key') as string,
    }) as Error;
    expect(() => chooseInstance(server, { event: 'public', token: 'public' })).toThrow(fault);
    expect(() => namedInstance('github', server)).toThrow(fault);
    expect(namedInstance('public-good', server).name).toBe('public-good');
  });
});

describe("an event's word on the repository", () => {
  it.each([
    [{ repository: { visibility: 'internal', private: true } }, 'internal'],
    [{ repository: { visibility: 'public' } }, 'public'],
    [{ repository: { private: false } }, 'public'],
    [{ repository: { private: true } }, 'private'],
    [{ repository: {} }, undefined],
    [{ repository: { visibility: 7 } }, undefined],
    [{}, undefined],
    [[], undefined],
  ])('%j is %s', (event, visibility) => {
    expect(parseEventVisibility(bytes(event))).toBe(visibility);
  });

  it('is none in bytes that are no event', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (event) => parseEventVisibility(event) === undefined));
  });
});
