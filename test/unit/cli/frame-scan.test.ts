import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isChangeAt, lastNumberOf, readLoadMessage, replyIdAt } from '../../../src/cli/bench/frame-scan.ts';

/** The frame among other bytes, as it lies in a chunk. */
const inChunk = (frame: object | string): [Buffer, number, number] => {
  const text = Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame), 'utf8');
  const noise = Buffer.from('"messageId":"1.x-9.d.9","seq":9}');
  return [Buffer.concat([noise, text, noise]), noise.length, noise.length + text.length];
};
const change = (message: object) => ({
  jsonrpc: '2.0',
  method: 'change',
  params: { kind: 'message', message },
});

describe('frame scan', () => {
  test('reads the id of a successful reply', () => {
    expect(replyIdAt(...inChunk({ jsonrpc: '2.0', id: 1234567, result: {} }))).toBe(1234567);
  });

  test.each([
    { jsonrpc: '2.0', id: 5, error: { code: 1 } },
    { jsonrpc: '2.0', id: null, result: {} },
    { id: 5, jsonrpc: '2.0', result: {} },
    { jsonrpc: '2.0', method: 'change', params: {} },
    '{"jsonrpc":"2.0","id":5',
  ])('leaves other shapes to a parser: %j', (frame) => {
    expect(replyIdAt(...inChunk(frame))).toBe(-1);
  });

  test('finds sender and number of a load message whatever its text says', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constant('"messageId":"1.b-7.bench.8"')),
        fc.nat(),
        fc.nat(),
        (text, sender, number) => {
          const frame = change({ text, messageId: `1.b3x-${sender}.bench.${number}` });
          const found = { sender: -1, number: -1 };
          expect(isChangeAt(...inChunk(frame))).toBe(true);
          expect(readLoadMessage(...inChunk(frame), found)).toBe(true);
          expect(found).toEqual({ sender, number });
        },
      ),
    );
  });

  test.each(['1.ann.d.5', '1.b-1.d', '1.b-1.d.x', ''])('does not take %j for one of its own', (messageId) => {
    expect(readLoadMessage(...inChunk(change({ messageId })), { sender: 0, number: 0 })).toBe(false);
  });

  test('does not look beyond the frame', () => {
    expect(readLoadMessage(...inChunk(change({})), { sender: 0, number: 0 })).toBe(false);
  });

  test('finds the last number of a key inside the frame only', () => {
    const key = Buffer.from('"seq":');
    expect(lastNumberOf(...inChunk({ messages: [{ seq: 70 }, { seq: 45, text: '"seq":3' }] }), key)).toBe(45);
    expect(lastNumberOf(...inChunk({ messages: [] }), key)).toBe(-1);
  });
});
