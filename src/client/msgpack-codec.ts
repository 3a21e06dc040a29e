import { Packr } from 'msgpackr';
import type { FrameCodec } from './frame-codec.ts';

// Plain maps, no record extension, and 64-bit integers as numbers: what any MessagePack library reads.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export const msgpackCodec: FrameCodec = {
  subprotocol: 'mailring.v1.msgpack',
  encode: (value) => packr.pack(value),
  decode: (frame) => {
    if (typeof frame === 'string') throw new TypeError('text frame on a MessagePack connection');
    const value: unknown = packr.unpack(frame);
    return value;
  },
};
