import { ProtoError } from './proto-reader.ts';

/** A frame is `bytes[start..end)`. Unless `owned`, the bytes are overwritten after the call. */
export type FrameSink = (bytes: Buffer, start: number, end: number, owned: boolean) => void;

/** Cuts the byte stream of a connection into frames (4 bytes of length, then the frame), copying only split ones. */
export class FrameSplitter {
  readonly #frameBytesMax: number;
  readonly #sink: FrameSink;
  readonly #prefix = Buffer.alloc(4);
  #prefixLength = 0;
  #frame: Buffer | undefined;
  #frameLength = 0;

  constructor(frameBytesMax: number, sink: FrameSink) {
    this.#frameBytesMax = frameBytesMax;
    this.#sink = sink;
  }

  /**
   * Takes the next bytes of the stream; what is incomplete is copied and kept.
   * @throws ProtoError where a length is negative or above the limit; the stream cannot be read on from there
   */
  push(bytes: Buffer, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#frame !== undefined) {
        at = this.#fillFrame(this.#frame, bytes, at, end);
      } else if (this.#prefixLength > 0 || end - at < 4) {
        this.#prefix[this.#prefixLength++] = bytes[at++] ?? 0;
        if (this.#prefixLength === 4) this.#startFrame(this.#checked(this.#prefix.readInt32BE(0)));
      } else {
        const size = this.#checked(bytes.readInt32BE(at));
        at += 4;
        if (size <= end - at) {
          this.#sink(bytes, at, at + size, false);
          at += size;
        } else {
          this.#startFrame(size);
        }
      }
    }
  }

  #startFrame(size: number): void {
    this.#prefixLength = 0;
    this.#frame = Buffer.allocUnsafeSlow(size);
    this.#frameLength = 0;
    if (size === 0) this.#finishFrame(this.#frame);
  }

  #fillFrame(frame: Buffer, bytes: Buffer, at: number, end: number): number {
    const more = Math.min(frame.length - this.#frameLength, end - at);
    bytes.copy(frame, this.#frameLength, at, at + more);
    this.#frameLength += more;
    if (this.#frameLength === frame.length) this.#finishFrame(frame);
    return at + more;
  }

  #finishFrame(frame: Buffer): void {
    this.#frame = undefined;
    this.#sink(frame, 0, frame.length, true);
  }

  #checked(size: number): number {
    if (size < 0 || size > this.#frameBytesMax) {
      throw new ProtoError(`frame of ${size} bytes, at most ${this.#frameBytesMax} are accepted`);
    }
    return size;
  }
}
