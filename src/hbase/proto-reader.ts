/** The bytes are not what the protocol says. Never leaves this room: see `CallError`. */
export class ProtoError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtoError';
  }
}

const varintBytesMax = 10;

/**
 * Reads Protocol Buffers out of a window of a buffer. Every step checks the window, so that truncated or hostile bytes
 * end in a {@link ProtoError} and never in a loop, a huge allocation or a read elsewhere.
 * Usage: `for (let tag = r.tag(); tag !== 0; tag = r.tag()) switch (tag >>> 3) {... default: r.skip(tag)}`.
 */
export class ProtoReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(bytes?: Buffer) {
    if (bytes) this.reset(bytes, 0, bytes.length);
  }

  reset(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get position(): number {
    return this.#at;
  }

  get end(): number {
    return this.#end;
  }

  /** The next field's tag (field number << 3 | wire type), or 0 at the end of the window. */
  tag(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.uint();
    if (tag >>> 3 === 0) throw new ProtoError('field number 0');
    return tag;
  }

  /** The low 32 bits of a varint, unsigned. */
  uint(): number {
    const bytes = this.#bytes;
    const stop = Math.min(this.#end, this.#at + varintBytesMax);
    let value = 0;
    let shift = 0;
    for (let at = this.#at; at < stop; at++) {
      const byte = bytes[at] ?? 0;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at + 1;
        return value >>> 0;
      }
      shift += 7;
    }
    throw new ProtoError('truncated or endless varint');
  }

  /** An exact unsigned 64-bit number. */
  ulong(): bigint {
    let value = 0n;
    const stop = Math.min(this.#end, this.#at + varintBytesMax);
    for (let at = this.#at, shift = 0n; at < stop; at++, shift += 7n) {
      const byte = this.#bytes[at] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at + 1;
        return BigInt.asUintN(64, value);
      }
    }
    throw new ProtoError('truncated or endless varint');
  }

  /** An exact signed 64-bit number. */
  long(): bigint {
    return BigInt.asIntN(64, this.ulong());
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** A view into the buffer that is being read; copy what has to outlive it. */
  bytes(): Buffer {
    const size = this.#size();
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** Bytes of their own. */
  bytesCopy(): Buffer {
    return Buffer.from(this.bytes());
  }

  text(): string {
    const size = this.#size();
    this.#at += size;
    return this.#bytes.toString('utf8', this.#at - size, this.#at);
  }

  /** Narrows the window to the nested message that comes next; give what it returns to {@link leave}. */
  enter(): number {
    const size = this.#size();
    const outer = this.#end;
    this.#end = this.#at + size;
    return outer;
  }

  leave(outerEnd: number): void {
    this.#at = this.#end;
    this.#end = outerEnd;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.uint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#size());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new ProtoError(`wire type ${tag & 7} is not used by HBase`);
    }
  }

  #size(): number {
    const size = this.uint();
    if (size > this.#end - this.#at) throw new ProtoError('length beyond the end of the message');
    return size;
  }

  #advance(bytes: number): void {
    if (bytes > this.#end - this.#at) throw new ProtoError('field beyond the end of the message');
    this.#at += bytes;
  }
}
