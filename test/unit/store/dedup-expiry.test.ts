import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dedupTimeToLiveMs } from '../../../src/row/cell.ts';
import type { Cell } from '../../../src/row/cell.ts';
import type { StoreError } from '../../../src/row/row-store.ts';
import { RowVersionSource } from '../../../src/row/row-version.ts';
import type { RowVersion } from '../../../src/row/row-version.ts';
import { DedupSweep } from '../../../src/store/dedup-sweep.ts';
import { LmdbTable } from '../../../src/store/lmdb-table.ts';
import { cellKey, datedValue, openTrees, rowPrefix } from '../../../src/store/lmdb-trees.ts';
import { MemoryTable } from '../../../src/store/memory-table.ts';
import type { RowTable } from '../../../src/store/row-table.ts';
import { ManualTime } from '../../support/manual-time.ts';

const hourMs = 3_600_000;
const never = Number.POSITIVE_INFINITY;
const versions = new RowVersionSource(randomBytes(8));
const onBackgroundError = (error: StoreError): never => {
  throw error;
};

let path: string;
let time: ManualTime;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'mailring-expiry-'));
  time = new ManualTime();
});
afterEach(() => {
  rmSync(path, { recursive: true });
});

/** Lets timers of the next few ticks run, as the real clock would. */
async function carriedOut<T>(call: Promise<T>): Promise<T> {
  const ticking = setInterval(() => {
    time.advance(0);
  }, 1);
  try {
    return await call;
  } finally {
    clearInterval(ticking);
  }
}

describe.each([
  ['memory', (): RowTable => new MemoryTable(time)],
  ['lmdb', (): RowTable => new LmdbTable({ path, time, onBackgroundError })],
])('expired dedup cells on %s', (_, open) => {
  const dedup = (id: string): Cell => ({
    family: 'd',
    qualifier: Buffer.from(id),
    value: Buffer.from('seq'),
  });
  const seen = async (table: RowTable, limit = 10, offset = 0): Promise<string[]> => {
    const range = { family: 'd', from: Buffer.alloc(0), to: undefined, limit, offset } as const;
    const image = await table.read('u', [range], never);
    return (image.ranges[0] ?? []).map(({ qualifier }) => qualifier.toString());
  };
  const put = async (table: RowTable, base: RowVersion | undefined, cells: Cell[]): Promise<RowVersion> => {
    const next = versions.next(base, 1);
    expect(await carriedOut(table.compareAndPut('u', base, next, cells, never))).toBe(true);
    return next;
  };

  it('are not returned, nor counted by limit and offset; other families do not expire', async () => {
    const table = open();
    const kept: Cell = { family: 'm', qualifier: Buffer.from('q'), value: Buffer.from('kept') };
    const first = await put(table, undefined, [dedup('1'), dedup('3'), dedup('5'), kept]);
    time.advance(20 * hourMs);
    // The sweep has not come by: its tree transactions need real time.
    await put(table, first, [dedup('2'), dedup('3'), dedup('4')]);
    expect(await seen(table)).toEqual(['1', '2', '3', '4', '5']);
    time.advance(6 * hourMs - 1);
    expect(await seen(table)).toEqual(['1', '2', '3', '4', '5']);
    time.advance(1);
    expect(await seen(table)).toEqual(['2', '3', '4']);
    expect(await seen(table, 2)).toEqual(['2', '3']);
    expect(await seen(table, 2, 1)).toEqual(['3', '4']);
    const range = { family: 'm', from: Buffer.alloc(0), to: undefined, limit: 1 } as const;
    expect((await table.read('u', [range], never)).ranges).toEqual([[kept]]);
    await table.close();
  });
});

describe('DedupSweep', () => {
  it('removes what is expired, a few cells at a time, round and round, and nothing else', async () => {
    const trees = openTrees(path);
    const tree = trees.cells;
    const nowMs = time.wallMs();
    const rows = ['a', 'b', 'c'].map(rowPrefix);
    for (const prefix of rows) {
      await tree.put(cellKey(prefix, 'v'), Buffer.from('version'));
      await tree.put(cellKey(prefix, 'm', Buffer.from('m')), Buffer.from('message'));
      if (prefix === rows[1]) continue;
      // Newest first, as they are: what is expired lies behind more than one look covers.
      for (let i = 0; i < 8; i++) {
        const writtenMs = nowMs - dedupTimeToLiveMs + (i < 5 ? hourMs : 0);
        await tree.put(cellKey(prefix, 'd', Buffer.of(i)), datedValue(writtenMs, Buffer.from('seq')));
      }
    }
    const sweep = new DedupSweep({
      tree,
      time,
      pace: { everyMs: 100, cellsMax: 4 },
      onError: onBackgroundError,
    });
    sweep.start();
    const left = async (): Promise<number> => {
      time.advance(100);
      for (let i = 0; time.timerCount === 0 && i < 1_000; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      tree.resetReadTxn();
      return tree.getCount();
    };
    const others = 2 * rows.length;
    const counts = [others + 16];
    for (let step = 0; step < 8; step++) counts.push(await left());
    expect(counts.at(-1)).toBe(others + 10);
    counts.slice(1).forEach((count, step) => {
      expect((counts[step] ?? 0) - count).toBeOneOf([0, 1, 2, 3]);
    });
    time.advance(hourMs);
    while ((await left()) > others);
    for (let step = 0; step < 4; step++) expect(await left()).toBe(others);
    await sweep.stop();
    expect(time.timerCount).toBe(0);
    await trees.root.close();
  });
});
