import { PeerFault } from './peer-fault.ts';

/** A frame is `bytes[start..end)`, overwritten after the call. */
type FrameSink = (bytes: Buffer, start: number, end: number) => void;

/** Cuts a byte stream into frames (u32 BE length, then the frame); copies only those that come in pieces. */
export class FrameReader {
  /** Raised when the handshake is over. */
  frameBytesMax: number;
  readonly #sink: FrameSink;
  readonly #prefix = Buffer.alloc(4);
  #prefixLength = 0;
  #frame: Buffer | undefined;
  #frameLength = 0;
  #isStopped = false;

  constructor(frameBytesMax: number, sink: FrameSink) {
    this.frameBytesMax = frameBytesMax;
    this.#sink = sink;
  }

  /** Ignores everything from now on, also the rest of the piece that is being read. */
  stop(): void {
    this.#isStopped = true;
    this.#frame = undefined;
  }

  /** @throws PeerFault where a frame is empty or too long; the stream cannot be read on from there */
  push(bytes: Buffer, end: number): void {
    let at = 0;
    while (at < end && !this.#isStopped) {
      if (this.#frame !== undefined) {
        at = this.#fill(this.#frame, bytes, at, end);
      } else if (this.#prefixLength > 0 || end - at < 4) {
        this.#prefix[this.#prefixLength++] = bytes[at++] ?? 0;
        if (this.#prefixLength === 4) this.#start(this.#checked(this.#prefix.readUInt32BE(0)));
      } else {
        const length = this.#checked(bytes.readUInt32BE(at));
        at += 4;
        if (length <= end - at) {
          this.#sink(bytes, at, at + length);
          at += length;
        } else {
          this.#start(length);
        }
      }
    }
  }

  #start(length: number): void {
    this.#prefixLength = 0;
    this.#frame = Buffer.allocUnsafeSlow(length);
    this.#frameLength = 0;
  }

  #fill(frame: Buffer, bytes: Buffer, at: number, end: number): number {
    const more = Math.min(frame.length - this.#frameLength, end - at);
    bytes.copy(frame, this.#frameLength, at, at + more);
    this.#frameLength += more;
    if (this.#frameLength === frame.length) {
      this.#frame = undefined;
      this.#sink(frame, 0, frame.length);
    }
    return at + more;
  }

  #checked(length: number): number {
    if (length > 0 && length <= this.frameBytesMax) return length;
    throw new PeerFault('protocol', `frame of ${length} bytes; 1 to ${this.frameBytesMax} are accepted`);
  }
}
