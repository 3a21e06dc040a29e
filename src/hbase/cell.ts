import { ProtoError } from './proto-reader.ts';

/** keyLength 4, valueLength 4, rowLength 2, familyLength 1, timestamp 8, type 1. */
const fixedBytes = 20;
/** Of these, what belongs to the key: rowLength, familyLength, timestamp, type. */
const keyFixedBytes = 12;

/** One cell as HBase returned it: a view of its answer, decoded when asked. It keeps that whole answer in memory. */
export class Cell {
  readonly #block: Buffer;
  readonly #start: number;

  /** @param start where the KeyValue starts in `block`; it was checked by {@link CellBlock}. */
  constructor(block: Buffer, start: number) {
    this.#block = block;
    this.#start = start;
  }

  get row(): Buffer {
    const start = this.#start + 10;
    return this.#block.subarray(start, start + this.#rowLength());
  }

  get family(): string {
    const start = this.#start + 11 + this.#rowLength();
    return this.#block.toString('latin1', start, start + (this.#block[start - 1] ?? 0));
  }

  get qualifier(): Buffer {
    const familyAt = this.#start + 10 + this.#rowLength();
    const start = familyAt + 1 + (this.#block[familyAt] ?? 0);
    return this.#block.subarray(start, this.#keyEnd() - 9);
  }

  get value(): Buffer {
    const start = this.#keyEnd();
    return this.#block.subarray(start, start + this.#block.readUInt32BE(this.#start + 4));
  }

  /** As HBase stamped it; epoch milliseconds unless the writer chose otherwise. */
  get timestamp(): bigint {
    return this.#block.readBigInt64BE(this.#keyEnd() - 9);
  }

  /** Its size in HBase's format. */
  get bytes(): number {
    return 8 + this.#block.readUInt32BE(this.#start) + this.#block.readUInt32BE(this.#start + 4);
  }

  #rowLength(): number {
    return this.#block.readUInt16BE(this.#start + 8);
  }

  #keyEnd(): number {
    return this.#start + 8 + this.#block.readUInt32BE(this.#start);
  }
}

/** The cells that travel behind an answer (KeyValueCodec), taken in the order in which the answer mentions them. */
export class CellBlock {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param bytes the block's own bytes; the cells keep them. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws ProtoError where the block holds fewer cells, or broken ones */
  take(count: number): Cell[] {
    // A hostile count must not allocate: each cell has at least its length and its fixed fields.
    if (count * (4 + fixedBytes) > this.#bytes.length - this.#at) {
      throw new ProtoError(`an answer claims ${count} cells, its block is too small for them`);
    }
    const cells = new Array<Cell>(count);
    for (let i = 0; i < count; i++) cells[i] = this.#next();
    return cells;
  }

  #next(): Cell {
    const bytes = this.#bytes;
    if (this.#at + 4 + fixedBytes > bytes.length) throw new ProtoError('the cell block ends within a cell');
    const start = this.#at + 4;
    const size = bytes.readUInt32BE(this.#at);
    const keyLength = bytes.readUInt32BE(start);
    const valueLength = bytes.readUInt32BE(start + 4);
    const rowLength = bytes.readUInt16BE(start + 8);
    if (size > bytes.length - start || 8 + keyLength + valueLength > size) {
      throw new ProtoError('a cell is longer than its block');
    }
    if (keyFixedBytes + rowLength > keyLength) throw new ProtoError('a row key is longer than its cell');
    const familyLength = bytes[start + 10 + rowLength] ?? 0;
    if (keyFixedBytes + rowLength + familyLength > keyLength) {
      throw new ProtoError('a column family is longer than its cell');
    }
    this.#at = start + size;
    return new Cell(bytes, start);
  }
}
