import { RowVersionSource } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';
import { MemoryBoardServer, MemoryLeaseBoard } from '../support/memory-lease-board.ts';
import { describeLeaseBoard } from './lease-board.contract.ts';

const tables = new Map<string, MemoryTable>();
const servers = new Map<string, MemoryBoardServer>();

function ofCluster<T>(all: Map<string, T>, cluster: string, make: () => T): T {
  const one = all.get(cluster) ?? make();
  all.set(cluster, one);
  return one;
}

describeLeaseBoard({
  name: 'memory',
  storeOf: async (cluster, incarnation) =>
    new VersionedStore({
      table: ofCluster(tables, cluster, () => new MemoryTable(systemTime)),
      versions: new RowVersionSource(Buffer.from(incarnation, 'hex')),
      time: systemTime,
      random: Math.random,
    }),
  boardOf: async (cluster) =>
    new MemoryLeaseBoard(
      ofCluster(servers, cluster, () => new MemoryBoardServer()),
      systemTime,
    ),
});
