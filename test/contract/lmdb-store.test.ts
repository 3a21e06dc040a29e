import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemTime } from '../../src/std/time.ts';
import { LmdbTable } from '../../src/store/lmdb-table.ts';
import { describeRowStore } from './row-store.contract.ts';

const path = mkdtempSync(join(tmpdir(), 'mailring-lmdb-'));

describeRowStore({
  name: 'lmdb',
  open: async () =>
    new LmdbTable({
      path,
      time: systemTime,
      onBackgroundError: (error) => {
        throw error;
      },
    }),
  wideCells: 40_000,
  sequences: 50,
  patienceMs: 20_000,
  remove: async () => {
    rmSync(path, { recursive: true });
  },
});
