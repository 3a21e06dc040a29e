import { StoreError } from '../../src/row/row-store.ts';
import { systemTime } from '../../src/std/time.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { describeRowStore } from './row-store.contract.ts';

/** What a closed memory table held is gone, so the contract's "open again" gets the same one back. */
const memory = new MemoryTable(systemTime);

function reopened(): RowTable {
  let open = true;
  const unlessClosed = <T>(call: () => Promise<T>): Promise<T> =>
    open ? call() : Promise.reject(new StoreError('unavailable', 'the store is closed'));
  return {
    read: (...args) => unlessClosed(() => memory.read(...args)),
    compareAndPut: (...args) => unlessClosed(() => memory.compareAndPut(...args)),
    versions: (...args) => unlessClosed(() => memory.versions(...args)),
    scanOutbox: (...args) => unlessClosed(() => memory.scanOutbox(...args)),
    close: async () => {
      open = false;
    },
  };
}

describeRowStore({
  name: 'memory',
  open: async () => reopened(),
  wideCells: 40_000,
  sequences: 200,
  patienceMs: 5_000,
  remove: () => memory.close(),
});
