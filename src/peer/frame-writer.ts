import { frameTags } from './frame-codec.ts';
import type { FrameContent } from './frame-codec.ts';
import { peerFaultCodes } from './peer-fault.ts';
import type { PeerFaultCode } from './peer-fault.ts';

const initialBytes = 16 * 1024;
/** Buffers above this are not kept for the next tick. */
const spareBytesMax = 256 * 1024;
const remainingMsMax = 0xffffffff;

/** Bytes of a numbered frame around its content, the length included. */
export const frameOverheadBytes = 4 + 1 + 1 + 9 + 5;

/** Collects the frames of one tick into one buffer. Numbers have their full width, so that sizes are known ahead. */
export class FrameWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #spare: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param remainingMs what is left for a request, rounded up; undefined for all other frames */
  numbered(seq: number, { tag, bytes }: FrameContent, remainingMs?: number): void {
    const payloadBytes = bytes.length + (remainingMs === undefined ? 11 : 16);
    const buffer = this.#room(payloadBytes + 4);
    let at = buffer.writeUInt32BE(payloadBytes, this.#length);
    buffer[at] = remainingMs === undefined ? 0x93 : 0x94; // array of 3 or 4
    buffer[at + 1] = tag;
    at = writeUint64(buffer, at + 2, seq);
    if (remainingMs !== undefined) {
      buffer[at] = 0xce; // uint 32
      at = buffer.writeUInt32BE(Math.min(Math.max(0, Math.ceil(remainingMs)), remainingMsMax), at + 1);
    }
    buffer.set(bytes, at);
    this.#length = at + bytes.length;
  }

  acknowledge(received: number): void {
    const buffer = this.#room(15);
    const at = buffer.writeUInt32BE(11, this.#length);
    buffer[at] = 0x92;
    buffer[at + 1] = frameTags.acknowledge;
    this.#length = writeUint64(buffer, at + 2, received);
  }

  goodbye(code: PeerFaultCode, text: string): void {
    const bytes = Buffer.from(text).subarray(0, 200);
    const buffer = this.#room(9 + bytes.length);
    let at = buffer.writeUInt32BE(5 + bytes.length, this.#length);
    for (const byte of [0x93, frameTags.goodbye, peerFaultCodes[code], 0xd9, bytes.length])
      buffer[at++] = byte;
    buffer.set(bytes, at);
    this.#length = at + bytes.length;
  }

  /** The collected bytes; the writer goes on in another buffer. {@link giveBack} it when it is written. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(initialBytes);
    this.#spare = undefined;
    this.#length = 0;
    return bytes;
  }

  giveBack(bytes: Buffer): void {
    const whole = bytes.buffer;
    if (whole.byteLength <= spareBytesMax) this.#spare = Buffer.from(whole, 0, whole.byteLength);
  }

  #room(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

function writeUint64(buffer: Buffer, at: number, value: number): number {
  buffer[at] = 0xcf;
  buffer.writeUInt32BE(Math.floor(value / 0x100000000), at + 1);
  return buffer.writeUInt32BE(value >>> 0, at + 5);
}
