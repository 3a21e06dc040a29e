import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FrameSplitter } from '../../../src/hbase/frame-splitter.ts';
import { ProtoError } from '../../../src/hbase/proto-reader.ts';

function framed(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(payload.length);
  return Buffer.concat([length, payload]);
}

describe('FrameSplitter', () => {
  it('gives the same frames however the stream is cut', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 });
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (frames, cuts) => {
        const stream = Buffer.concat(frames.map(framed));
        const seen: Buffer[] = [];
        const splitter = new FrameSplitter(1000, (bytes, start, end) =>
          seen.push(Buffer.from(bytes.subarray(start, end))),
        );
        const reused = Buffer.alloc(64, 0xee); // as the socket does: the next piece overwrites the last one
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const length = stream.copy(reused, 0, at, at + (cuts[cut % cuts.length] ?? 1));
          splitter.push(reused, length);
          at += length;
        }
        expect(seen).toEqual(frames.map((frame) => Buffer.from(frame)));
      }),
    );
  });

  it.each([-1, 1001, 0x7fffffff])('refuses a frame of %i bytes, whole prefix or split', (size) => {
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(size);
    const splitter = () => new FrameSplitter(1000, () => undefined);
    expect(() => splitter().push(prefix, 4)).toThrow(ProtoError);
    const split = splitter();
    split.push(prefix.subarray(0, 2), 2);
    expect(() => split.push(prefix.subarray(2), 2)).toThrow(ProtoError);
  });
});
