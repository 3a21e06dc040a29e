import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreLeaseBoard } from '../../src/membership/store-lease-board.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import { LmdbTable } from '../../src/store/lmdb-table.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';
import { describeLeaseBoard } from './lease-board.contract.ts';

function unexpected(error: unknown): never {
  throw error;
}

function describeOn(name: string, open: (cluster: string) => RowTable, remove: () => void): void {
  const tables = new Map<string, RowTable>();
  describeLeaseBoard({
    name,
    storeOf: async (cluster, incarnation) => {
      const table = tables.get(cluster) ?? open(cluster);
      tables.set(cluster, table);
      const versions = new RowVersionSource(Buffer.from(incarnation, 'hex'));
      return new VersionedStore({ table, versions, time: systemTime, random: Math.random });
    },
    boardOf: async (_cluster, store) =>
      new StoreLeaseBoard({ store, time: systemTime, pollMs: 20, onTrouble: unexpected }),
    remove: async () => {
      await Promise.all([...tables.values()].map((table) => table.close()));
      remove();
    },
  });
}

const folder = mkdtempSync(join(tmpdir(), 'mailring-board-'));

describeOn(
  'rows in LMDB',
  (cluster) =>
    new LmdbTable({ path: join(folder, cluster), time: systemTime, onBackgroundError: unexpected }),
  () => {
    rmSync(folder, { recursive: true });
  },
);
describeOn(
  'rows in memory',
  () => new MemoryTable(systemTime),
  () => undefined,
);
