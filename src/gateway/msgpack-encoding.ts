import { Packr } from 'msgpackr';
import { errorObjectOf } from '../protocol/error-object.ts';
import type { FrameEncoding } from './frame-encoding.ts';
import { unanswerable } from './frame-encoding.ts';
import { isPlainMessagePack } from './msgpack-scan.ts';
import { binaryFrame } from './websocket-frame.ts';

// Plain maps, which any MessagePack library reads. Integers above 2^32 (times) are written as float 64, which holds
// them exactly; read, 64-bit integers are numbers, and those beyond 2^53 fail the checks that follow.
const packr = new Packr({ useRecords: false, int64AsType: 'number', encodeUndefinedAsNil: true });

/** Subprotocol `mailring.v1.msgpack`: the same objects as in JSON, in a binary frame. */
export const msgpackEncoding: FrameEncoding = {
  subprotocol: 'mailring.v1.msgpack',
  frameKind: binaryFrame,

  decode(frame, isBinary) {
    if (!isBinary || !isPlainMessagePack(frame)) return unanswerable;
    try {
      const value: unknown = packr.unpack(frame);
      return value;
    } catch {
      return unanswerable; // what went wrong is of no use to anybody but its sender, who gets 4500
    }
  },

  result: (id, _method, result) => packr.pack({ jsonrpc: '2.0', id, result }),
  error: (id, refusal) => packr.pack({ jsonrpc: '2.0', id, error: errorObjectOf(refusal) }),
  push: (method, params) => packr.pack({ jsonrpc: '2.0', method, params }),
  change: (change) => packr.pack({ jsonrpc: '2.0', method: 'change', params: change }),

  batch(replies) {
    const header =
      replies.length < 16
        ? Uint8Array.of(0x90 | replies.length)
        : Uint8Array.of(0xdc, replies.length >> 8, replies.length & 0xff);
    return Buffer.concat([
      header,
      ...replies.map((reply) => (typeof reply === 'string' ? Buffer.from(reply) : reply)),
    ]);
  },
};
