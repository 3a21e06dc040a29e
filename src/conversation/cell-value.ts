import { Packr } from 'msgpackr';
import type { Cell, CellRange, Family } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';

const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Seqs and times sort newest first as the distance to this, in 6 bytes. */
export const u48Max = 0xffffffffffff;

/**
 * The value of a cell: a format byte and a MessagePack array. Readers of every format ever written stay. A new
 * format is one that readers of the former must not take for it; it adds fields to the end.
 */
export function encodeValue(fields: readonly unknown[], format = 1): Buffer {
  const body = packr.pack(fields);
  const value = Buffer.allocUnsafe(body.length + 1);
  value[0] = format;
  body.copy(value, 1);
  return value;
}

/**
 * The fields of a cell; those that its format does not have yet are missing.
 * @param newest the newest format of this kind of cell
 * @throws StoreError `corrupt` where its format is unknown
 */
export function decodeValue(cell: Cell, newest = 1): unknown {
  const format = cell.value[0] ?? 0;
  if (format < 1 || format > newest) {
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

/**
 * Cells of one family that a load takes, far beyond what any setting lets in: settings say what comes in, and one that
 * was lowered must not make unreadable what is there.
 */
const loadedCellsMax = 4_000_000;

/** All cells of a family; see `checkWhole`. */
export function allOfFamily(family: Family): CellRange {
  return wholeFamily(family, loadedCellsMax);
}

/**
 * Going on with a part would lose members, or give a number twice.
 * @throws StoreError `corrupt` where there may be more cells than were read
 */
export function checkWhole(entityId: string, cells: readonly Cell[], range: CellRange | undefined): void {
  if (cells.length < (range?.limit ?? Infinity)) return;
  throw new StoreError('corrupt', `the row of ${entityId} has more than ${cells.length} cells in a family`);
}
