import { Packr } from 'msgpackr';
import type { Cell, CellRange, Family } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';

const format = 1;
const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Seqs and times sort newest first as the distance to this, in 6 bytes. */
export const u48Max = 0xffffffffffff;

/** The value of a cell: a format byte and a MessagePack array. Readers of every format ever written stay. */
export function encodeValue(fields: readonly unknown[]): Buffer {
  const body = packr.pack(fields);
  const value = Buffer.allocUnsafe(body.length + 1);
  value[0] = format;
  body.copy(value, 1);
  return value;
}

/** The fields of a cell. @throws StoreError `corrupt` where its format is unknown */
export function decodeValue(cell: Cell): unknown {
  if (cell.value[0] !== format) {
    throw new StoreError(
      'corrupt',
      `cell ${cell.family}:${cell.qualifier.toString('hex')} has an unknown format`,
    );
  }
  return packr.unpack(cell.value.subarray(1));
}

export function wholeFamily(family: Family, limit: number): CellRange {
  return { family, from: Buffer.alloc(0), to: undefined, limit };
}
