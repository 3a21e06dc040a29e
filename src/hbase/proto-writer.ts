const varintWire = 0;
const bytesWire = 2;
/** Below this a loop in JavaScript beats the call into native code. */
const nativeCopyBytesMin = 32;

/**
 * Writes Protocol Buffers straight into one growing buffer, so that the frames of a whole tick leave in one piece.
 * A nested message is opened, written and closed in order: its length gets one byte, and the body is moved up
 * in the rare case that one byte was too few.
 */
export class ProtoWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacityBytes = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets everything written after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** A view of what was written; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Hands the written bytes over for good and goes on in `next`, or in a fresh buffer. */
  take(next: Buffer | undefined): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = next ?? Buffer.allocUnsafeSlow(Math.max(4096, Math.min(this.#bytes.length, 1 << 18)));
    this.#length = 0;
    return taken;
  }

  /** Leaves room for a big-endian 32-bit number that {@link patchInt32} fills in. */
  skipInt32(): number {
    this.#reserve(4);
    this.#length += 4;
    return this.#length - 4;
  }

  patchInt32(at: number, value: number): void {
    this.#bytes.writeInt32BE(value, at);
  }

  /** Bytes as they are, without tag or length. */
  raw(bytes: Uint8Array): void {
    const size = bytes.length;
    this.#reserve(size);
    const target = this.#bytes;
    const start = this.#length;
    if (size < nativeCopyBytesMin) {
      for (let i = 0; i < size; i++) target[start + i] = bytes[i] ?? 0;
    } else {
      target.set(bytes, start);
    }
    this.#length = start + size;
  }

  /** A number of 32 bits, or a safe integer. */
  uint(field: number, value: number): void {
    this.#tag(field, varintWire);
    this.varint(value);
  }

  /** An exact 64-bit number; negative ones as two's complement. */
  long(field: number, value: bigint): void {
    this.#tag(field, varintWire);
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, bytesWire);
    this.varint(value.length);
    this.raw(value);
  }

  text(field: number, value: string): void {
    this.#tag(field, bytesWire);
    const start = this.openDelimited();
    this.#reserve(value.length * 3);
    let at = start;
    // Names of methods, families and classes: ASCII, and too short for the way into native code to pay.
    for (; at - start < value.length; at++) {
      const code = value.charCodeAt(at - start);
      if (code > 0x7f) break;
      this.#bytes[at] = code;
    }
    if (at - start < value.length) at = start + this.#bytes.write(value, start, 'utf8');
    this.#length = at;
    this.close(start);
  }

  /** Starts a nested message; hand what it returns to {@link close}. */
  open(field: number): number {
    this.#tag(field, bytesWire);
    return this.openDelimited();
  }

  /** Starts a message that has a length in front but no tag. */
  openDelimited(): number {
    this.#reserve(1);
    this.#length += 1;
    return this.#length;
  }

  close(start: number): void {
    const size = this.#length - start;
    if (size < 0x80) {
      this.#bytes[start - 1] = size;
      return;
    }
    const extra = size < 1 << 14 ? 1 : size < 1 << 21 ? 2 : size < 1 << 28 ? 3 : 4;
    this.#reserve(extra);
    this.#bytes.copyWithin(start + extra, start, this.#length);
    this.#length = start - 1;
    this.varint(size);
    this.#length = start + extra + size;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #tag(field: number, wire: number): void {
    this.varint((field << 3) | wire);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** One message as bytes of its own. */
export function protoBytes(write: (out: ProtoWriter) => void): Buffer {
  const out = new ProtoWriter(256);
  write(out);
  return out.take(Buffer.alloc(0));
}
