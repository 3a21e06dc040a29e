import type { Cell } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import { RowVersionError, decodeRowVersion } from '../row/row-version.ts';
import type { RowVersion } from '../row/row-version.ts';

const versionQualifierByte = 0x76;

/** `h:v` holds the row's version; it is compared by every commit and is in no range that is read. */
export const versionQualifier = Buffer.of(versionQualifierByte);

export function isVersionQualifier(qualifier: Uint8Array): boolean {
  return qualifier.length === 1 && qualifier[0] === versionQualifierByte;
}

/** @throws StoreError `refused` where a cell is the version's place. */
export function refuseVersionCell(cells: readonly Cell[]): void {
  for (const cell of cells) {
    if (cell.family === 'h' && isVersionQualifier(cell.qualifier)) {
      throw new StoreError('refused', 'the cell h:v is the row version and cannot be written directly');
    }
  }
}

/** @throws StoreError `corrupt` */
export function storedVersion(entityId: string, bytes: Buffer): RowVersion {
  try {
    return decodeRowVersion(bytes);
  } catch (error) {
    if (!(error instanceof RowVersionError)) throw error;
    throw new StoreError('corrupt', `row ${entityId}: ${error.message}`, { cause: error });
  }
}
