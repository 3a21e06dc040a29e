import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Cell } from '../../../src/row/cell.ts';
import { RowVersionSource } from '../../../src/row/row-version.ts';
import type { RowVersion } from '../../../src/row/row-version.ts';
import { systemTime } from '../../../src/std/time.ts';
import { LmdbTable } from '../../../src/store/lmdb-table.ts';
import { openTrees } from '../../../src/store/lmdb-trees.ts';

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'mailring-free-pages-'));
});

afterEach(() => {
  rmSync(path, { recursive: true });
});

const rowCount = 2_000;
const rounds = 6;

function cells(round: number): Cell[] {
  const cell = (family: Cell['family']): Cell => ({
    family,
    qualifier: Buffer.from(`${String(round)}-${family}`),
    value: Buffer.alloc(150, round),
  });
  return [cell('m'), cell('d'), cell('l')];
}

/** The pages that lists of free pages have for themselves: see the note at `pageOptions` in lmdb-trees.ts. */
function pagesOfLongLists(trees: ReturnType<typeof openTrees>): unknown {
  trees.root.resetReadTxn();
  const { free } = trees.root.getStats() as { free: { entryCount: number; overflowPages: number } };
  expect(free.entryCount).toBeGreaterThan(0);
  return free.overflowPages;
}

test('G6: no list of free pages outgrows its leaf, whatever waits for the disk', async () => {
  const table = new LmdbTable({
    path,
    time: systemTime,
    onBackgroundError: (error) => {
      throw error;
    },
  });
  const trees = openTrees(path);
  const versions = new RowVersionSource(Buffer.alloc(8, 1));
  const bases = new Map<number, RowVersion>();
  for (let round = 0; round < rounds; round++) {
    const commit = async (row: number): Promise<void> => {
      const next = versions.next(bases.get(row), 1);
      const deadline = systemTime.monotonicMs() + 60_000;
      const applied = await table.compareAndPut(
        `u-${String(row)}`,
        bases.get(row),
        next,
        cells(round),
        deadline,
      );
      expect(applied).toBe(true);
      bases.set(row, next);
    };
    await Promise.all(Array.from({ length: rowCount }, (_, row) => commit(row)));
    expect(pagesOfLongLists(trees)).toBe(0);
  }
  await table.close();
});
