import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { DerReader, parseDer, readOid, tags } from '../../../pipeline/formats/der/index.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

function faultCode(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'none';
}

describe('a DER value', () => {
  test('is read with its children', () => {
    const value = parseDer(hex('30 08 02 01 05 06 03 2a 03 04'), 'test');
    expect(value.tag).toBe(tags.sequence);
    const r = new DerReader(value, 'test');
    expect(r.smallInteger('number')).toBe(5);
    expect(r.oid('name')).toBe('1.2.3.4');
    r.end();
  });

  test('may be longer than 127 bytes', () => {
    const content = Buffer.alloc(300, 7);
    const value = parseDer(Buffer.concat([hex('04 82 01 2c'), content]), 'test');
    expect(Buffer.compare(value.content, content)).toBe(0);
  });

  test.for<[string, string, string]>([
    ['is empty', '', 'der.length'],
    ['is cut', '30 03 02 01', 'der.length'],
    ['reaches out of its parent', '30 03 02 02 05', 'der.length'],
    ['has something behind it', '05 00 00', 'der.trailing'],
    ['has an indefinite length', '30 80 05 00 00 00', 'der.length'],
    ['has a length in more octets than it needs', '04 81 01 00', 'der.length'],
    ['has a length with leading zeros', '04 82 00 80', 'der.length'],
    ['has a length of five octets', '04 85 00 00 00 00 01 00', 'der.length'],
    ['has a long tag number', '1f 81 01 00', 'der.tag'],
    ['is an end-of-contents', '00 00', 'der.tag'],
    ['is a constructed octet string', '24 03 04 01 00', 'der.tag'],
    ['is a primitive sequence', '10 00', 'der.tag'],
    ['is an integer without content', '02 00', 'der.value'],
    ['is an integer with a spare octet', '02 02 00 05', 'der.value'],
    ['is a negative integer with a spare octet', '02 02 ff 80', 'der.value'],
    ['is a null with content', '05 01 00', 'der.value'],
    ['is a boolean of 1', '01 01 01', 'der.value'],
  ])('is refused when it %s', ([, bytes, code]) => {
    expect(faultCode(() => parseDer(hex(bytes), 'test'))).toBe(code);
  });

  test('is refused when it is nested too deep', () => {
    const nest = (depth: number): Buffer => {
      let value = Buffer.from([5, 0]);
      for (let i = 0; i < depth; i++) value = Buffer.concat([Buffer.from([0x30, value.length]), value]);
      return value;
    };
    expect(faultCode(() => parseDer(nest(limits.derDepth - 1), 'test'))).toBe('none');
    expect(faultCode(() => parseDer(nest(limits.derDepth), 'test'))).toBe('limit.der-depth');
  });

  test('is refused when it has too many values', () => {
    const content = Buffer.alloc((limits.derElements + 1) * 2);
    for (let at = 0; at < content.length; at += 2) content[at] = 5;
    const head = Buffer.from([0x30, 0x83, 0, 0, 0]);
    head.writeUIntBE(content.length, 2, 3);
    expect(faultCode(() => parseDer(Buffer.concat([head.subarray(0, 5), content]), 'test'))).toMatch(
      /^(limit\.der-elements|der\.length)$/,
    );
  });

  test('of any bytes is a value of all of them, or a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const code = faultCode(() => expect(parseDer(bytes, 'test').encoding.length).toBe(bytes.length));
        expect(code).toMatch(/^(none|der\..*|limit\.der.*)$/);
      }),
    );
  });
});

describe('an object identifier', () => {
  test.for<[string, string]>([
    ['06 09 2a 86 48 86 f7 0d 01 07 02', '1.2.840.113549.1.7.2'],
    ['06 03 55 1d 0e', '2.5.29.14'],
    ['06 02 88 37', '2.999'],
    ['06 01 00', '0.0'],
  ])('%s is %s', ([bytes, dotted]) => {
    expect(readOid(parseDer(hex(bytes), 'test'), 'test')).toBe(dotted);
  });

  test.for<[string, string]>([
    ['is empty', '06 00'],
    ['ends inside an arc', '06 02 2a 86'],
    ['has an arc with padding', '06 03 2a 80 01'],
    ['has an arc of 40 bits', '06 07 2a 8f ff ff ff ff 7f'],
  ])('is refused when it %s', ([, bytes]) => {
    expect(faultCode(() => readOid(parseDer(hex(bytes), 'test'), 'test'))).toBe('der.value');
  });

  test('is refused where another type stands', () => {
    expect(faultCode(() => readOid(parseDer(hex('05 00'), 'test'), 'test'))).toBe('der.tag');
  });
});
