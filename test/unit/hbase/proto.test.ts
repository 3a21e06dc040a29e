import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ProtoError, ProtoReader } from '../../../src/hbase/proto-reader.ts';
import { ProtoWriter, protoBytes } from '../../../src/hbase/proto-writer.ts';

const hex = (write: (out: ProtoWriter) => void) => protoBytes(write).toString('hex');

describe('ProtoWriter writes', () => {
  it.each([
    ['a small number', (out: ProtoWriter) => out.uint(1, 5), '0805'],
    ['a number of two bytes', (out: ProtoWriter) => out.uint(1, 300), '08ac02'],
    ['a field number above 15', (out: ProtoWriter) => out.bool(22, true), 'b00101'],
    ['the largest 32-bit number', (out: ProtoWriter) => out.uint(2, 0xffffffff), '10ffffffff0f'],
    ['a safe integer', (out: ProtoWriter) => out.uint(2, Number.MAX_SAFE_INTEGER), '10ffffffffffffff0f'],
    ['an exact long', (out: ProtoWriter) => out.long(3, 0x7fffffffffffffffn), '18ffffffffffffffff7f'],
    ['a negative long', (out: ProtoWriter) => out.long(3, -1n), '18ffffffffffffffffff01'],
    ['text', (out: ProtoWriter) => out.text(1, 'aé'), '0a0361c3a9'],
    ['empty text', (out: ProtoWriter) => out.text(1, ''), '0a00'],
    ['bytes', (out: ProtoWriter) => out.bytes(2, Buffer.of(1, 2)), '12020102'],
  ])('%s', (_, write, expected) => {
    expect(hex(write)).toBe(expected);
  });

  it.each([0, 1, 127, 128, 16_383, 16_384, 2_097_152])('a nested message of %i bytes', (size) => {
    const content = Buffer.alloc(size, 7);
    const written = protoBytes((out) => {
      const open = out.open(1);
      out.raw(content);
      out.close(open);
      out.uint(2, 1);
    });
    const reader = new ProtoReader(written);
    expect(reader.tag()).toBe(10);
    expect(reader.bytes().equals(content)).toBe(true);
    expect([reader.tag(), reader.uint(), reader.tag()]).toEqual([16, 1, 0]);
  });

  it('what it takes back is gone, and what it hands over stays', () => {
    const out = new ProtoWriter(8);
    out.uint(1, 1);
    const length = out.length;
    out.text(2, 'dropped');
    out.truncate(length);
    const taken = out.take(undefined);
    out.uint(1, 9);
    expect(taken.toString('hex')).toBe('0801');
    expect(out.view().toString('hex')).toBe('0809');
  });
});

describe('ProtoReader', () => {
  it('reads what ProtoWriter wrote', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffffffff),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.uint8Array({ maxLength: 400 }),
        fc.string({ unit: 'binary', maxLength: 60 }),
        (number, long, bytes, text) => {
          const reader = new ProtoReader(
            protoBytes((out) => {
              out.uint(1, number);
              out.long(2, long);
              out.bytes(3, bytes);
              out.text(4, text);
            }),
          );
          const read = [
            reader.tag(),
            reader.uint(),
            reader.tag(),
            reader.long(),
            reader.tag(),
            reader.bytes(),
          ];
          expect(read).toEqual([8, number, 16, long, 26, Buffer.from(bytes)]);
          expect([reader.tag(), reader.text()]).toEqual([34, text]);
        },
      ),
    );
  });

  it('skips fields that it does not know', () => {
    const reader = new ProtoReader(
      Buffer.from('0801' + '110102030405060708' + '1a020102' + '2501020304' + '2807', 'hex'),
    );
    for (let skipped = 0; skipped < 4; skipped++) reader.skip(reader.tag());
    expect([reader.tag(), reader.uint(), reader.tag()]).toEqual([40, 7, 0]);
  });

  it.each([
    ['a varint that does not end', '08ffffffffffffffffffffff'],
    ['a cut varint', '08ff'],
    ['a length beyond the end', '0aff01'],
    ['a fixed field beyond the end', '110000'],
    ['a group', '0b'],
    ['field 0', '0001'],
  ])('refuses %s', (_, bytes) => {
    const reader = new ProtoReader(Buffer.from(bytes, 'hex'));
    expect(() => reader.skip(reader.tag())).toThrow(ProtoError);
  });

  it('ends on any bytes, with an error or without', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new ProtoReader(Buffer.from(bytes));
        try {
          for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtoError);
        }
      }),
    );
  });
});
