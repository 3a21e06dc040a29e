import { randomBytes } from 'node:crypto';
import type { RowStore } from '../../src/row/row-store.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';

/** A store with an incarnation of its own, as every process has. */
export function storeOver(table: RowTable): RowStore {
  const versions = new RowVersionSource(randomBytes(8));
  return new VersionedStore({ table, versions, time: systemTime, random: Math.random });
}
