import type { Frame } from './socket.ts';

/** How JSON-RPC objects become frames of one subprotocol. */
export interface FrameCodec {
  readonly subprotocol: string;
  encode(value: object): Frame;
  /** Throws on what is no frame of this subprotocol. */
  decode(frame: Frame): unknown;
}

export const jsonCodec: FrameCodec = {
  subprotocol: 'mailring.v1.json',
  encode: (value) => JSON.stringify(value),
  decode: (frame) => {
    if (typeof frame !== 'string') throw new TypeError('binary frame on a JSON connection');
    const value: unknown = JSON.parse(frame);
    return value;
  },
};
