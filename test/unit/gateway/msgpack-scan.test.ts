import fc from 'fast-check';
import { pack, Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { unanswerable } from '../../../src/gateway/frame-encoding.ts';
import { msgpackEncoding } from '../../../src/gateway/msgpack-encoding.ts';
import { isPlainMessagePack } from '../../../src/gateway/msgpack-scan.ts';

const packr = new Packr({ useRecords: false });
const json = fc.jsonValue({ maxDepth: 5, depthSize: 'medium' });

describe('isPlainMessagePack', () => {
  it('takes what encoders make of JSON values, and none of it with a byte more or less', () => {
    fc.assert(
      fc.property(json, (value) => {
        const bytes = Buffer.from(packr.pack(value));
        expect(isPlainMessagePack(bytes)).toBe(true);
        expect(isPlainMessagePack(bytes.subarray(0, -1))).toBe(false);
        expect(isPlainMessagePack(Buffer.concat([bytes, Buffer.from([0xc0])]))).toBe(false);
      }),
    );
  });

  it('takes every width of number, text and container', () => {
    const long = 'x'.repeat(70_000);
    for (const value of [
      0,
      127,
      128,
      65_536,
      2 ** 31,
      2 ** 40,
      -1,
      -33,
      -40_000,
      -(2 ** 31),
      0.1,
      5n,
      -5n,
      true,
      null,
    ]) {
      expect(isPlainMessagePack(Buffer.from(packr.pack(value)))).toBe(true);
    }
    for (const value of [
      long,
      long.slice(0, 300),
      long.slice(0, 40),
      Array(70_000).fill(1),
      Array(20).fill(1),
    ]) {
      expect(isPlainMessagePack(Buffer.from(packr.pack(value)))).toBe(true);
    }
  });

  it('refuses binary, dates, records and other extensions', () => {
    for (const value of [Buffer.from('x'), new Date(), new Map([[1, 2]])]) {
      expect(isPlainMessagePack(Buffer.from(packr.pack(value)))).toBe(false);
    }
    expect(isPlainMessagePack(Buffer.from(new Packr({ useRecords: true }).pack([{ a: 1 }, { a: 2 }])))).toBe(
      false,
    );
    expect(isPlainMessagePack(Buffer.from(pack({ a: 1, b: 2 })))).toBe(true);
  });
});

describe('decoding MessagePack', () => {
  it('never throws, whatever the bytes, and works on as before', () => {
    const good = Buffer.from(packr.pack({ id: 1, params: { text: 'ü', list: [1, null] } }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(), (noise, at) => {
        msgpackEncoding.decode(Buffer.from(noise), true);
        const bent = Buffer.from(good);
        bent[at % bent.length] = noise[0] ?? 0xc1;
        msgpackEncoding.decode(bent, true);
        expect(msgpackEncoding.decode(good, true)).toEqual({ id: 1, params: { text: 'ü', list: [1, null] } });
      }),
      { numRuns: 1000 },
    );
  });

  it('a text frame is unanswerable', () => {
    expect(msgpackEncoding.decode(Buffer.from(packr.pack({})), false)).toBe(unanswerable);
  });
});
