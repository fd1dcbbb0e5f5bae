import { describe, expect, test } from 'vitest';
import { encodePreAuthentication, parseEnvelope } from '../../../pipeline/formats/dsse/index.ts';
import { faultOf } from '../../verify/vectors.ts';

const envelope = {
  payload: Buffer.from('hello world').toString('base64'),
  payloadType: 'http://example.com/HelloWorld',
  signatures: [{ sig: 'AAAA', keyid: 'any' }],
};

describe('a DSSE envelope', () => {
  test('signs its payload with its type (the example of protocol.md)', () => {
    const { payloadType, payload } = parseEnvelope(envelope);
    const signed = encodePreAuthentication(payloadType, payload).toString();
    expect(signed).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  test('counts bytes, not characters', () => {
    expect(encodePreAuthentication('ä', Buffer.from('ö')).toString()).toBe('DSSEv1 2 ä 2 ö');
  });

  test.each<[string, string, object]>([
    ['two signatures', 'dsse.envelope', { signatures: [{ sig: 'AAAA' }, { sig: 'AAAA' }] }],
    ['no signature', 'dsse.envelope', { signatures: [] }],
    ['an empty signature', 'dsse.envelope', { signatures: [{ sig: '' }] }],
    ['no payload', 'dsse.envelope', { payload: undefined }],
    ['no payload type', 'dsse.envelope', { payloadType: '' }],
    ['a field that is not its own', 'dsse.envelope', { payloadtype: 'x' }],
    ['a signature with a certificate', 'dsse.envelope', { signatures: [{ sig: 'AAAA', cert: 'x' }] }],
    ['base64url', 'base64.form', { payload: '_-8=' }],
    ['loose base64', 'base64.form', { signatures: [{ sig: 'AA AA' }] }],
  ])('with %s is refused with %s', (_, code, changes) => {
    expect(faultOf(() => parseEnvelope({ ...envelope, ...changes })).code).toBe(code);
  });
});
