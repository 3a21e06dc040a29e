import type { Cell, CellRange, Family } from '../row/cell.ts';
import { dedupTimeToLiveMs } from '../row/cell.ts';
import { entityOf } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { refuseVersionCell, storedVersion } from './cell-rules.ts';
import { DedupSweep } from './dedup-sweep.ts';
import type { SweepPace } from './dedup-sweep.ts';
import { GroupWriter } from './group-writer.ts';
import type { GroupWriterLimits } from './group-writer.ts';
import {
  cellKey,
  cellKeyBytes,
  datedValue,
  keyBytesMax,
  lmdbGroupMax,
  openTrees,
  pastFamily,
  pastRow,
  prefixOf,
  rowPrefix,
  versionKey,
  valueOf,
  writtenMsOf,
} from './lmdb-trees.ts';
import type { LmdbTrees, Tree } from './lmdb-trees.ts';
import { transactionFailure } from './lmdb-failure.ts';
import type { RowTable } from './row-table.ts';

export interface LmdbTableParts {
  /** The folder of the environment; made where it is missing. */
  readonly path: string;
  readonly time: Time;
  readonly limits?: GroupWriterLimits;
  readonly sweep?: SweepPace;
  /** Told of failures that no caller waits for. */
  readonly onBackgroundError: (error: StoreError) => void;
}

export const defaultLmdbLimits: GroupWriterLimits = { waitingMax: 20_000, groupMax: lmdbGroupMax };
export const defaultSweepPace: SweepPace = { everyMs: 1_000, cellsMax: 500 };

/** The ring and the signs of life: a node that has much to do must not be taken for dead. */
const urgentPrefix = 'sys.';

interface RowWrite {
  readonly entityId: string;
  readonly prefix: Buffer;
  readonly base: RowVersion | undefined;
  readonly next: RowVersion;
  readonly cells: readonly Cell[];
}

/**
 * Rows in LMDB, for one machine: several processes may share the folder. Reads are done at once on the mapped
 * file, each on a snapshot that was taken for it; commits of one process share transactions and syncs.
 */
export class LmdbTable implements RowTable {
  readonly #time: Time;
  readonly #trees: LmdbTrees;
  readonly #writer: GroupWriter<RowWrite>;
  readonly #sweep: DedupSweep;
  #closed = false;

  /** @throws StoreError `unavailable` where the folder cannot be opened */
  constructor(parts: LmdbTableParts) {
    this.#time = parts.time;
    this.#trees = openTrees(parts.path);
    this.#writer = new GroupWriter({
      transact: (writes) => this.#transact(writes),
      time: parts.time,
      limits: parts.limits ?? defaultLmdbLimits,
      isUrgent: ({ entityId }) => entityId.startsWith(urgentPrefix),
    });
    this.#sweep = new DedupSweep({
      tree: this.#trees.cells,
      time: parts.time,
      pace: parts.sweep ?? defaultSweepPace,
      onError: parts.onBackgroundError,
    });
    this.#sweep.start();
  }

  async read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    this.#admit(deadline);
    const prefix = rowPrefix(entityId);
    // Nothing is awaited from here to the end, so all of it sees one snapshot.
    this.#freshSnapshot();
    return {
      version: this.#version(entityId),
      ranges: ranges.map((range) => this.#cells(prefix, range)),
    };
  }

  async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    this.#admit(deadline);
    refuseVersionCell(cells);
    const prefix = rowPrefix(entityId);
    for (const { qualifier } of cells) {
      if (cellKeyBytes(prefix, qualifier) > keyBytesMax) {
        throw new StoreError('refused', `row key and qualifier exceed ${String(keyBytesMax)} bytes`);
      }
    }
    return this.#writer.write({ entityId, prefix, base, next, cells }, deadline);
  }

  ready(): Promise<void> | undefined {
    return this.#writer.ready();
  }

  async versions(
    entityIds: readonly string[],
    deadline: number,
  ): Promise<readonly (RowVersion | undefined)[]> {
    this.#admit(deadline);
    this.#freshSnapshot();
    return entityIds.map((entityId) => this.#version(entityId));
  }

  async scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    this.#admit(deadline);
    this.#freshSnapshot();
    const entityIds: string[] = [];
    let start = after === undefined ? hashKey(slice.fromHash) : pastRow(rowPrefix(after));
    while (entityIds.length < limit) {
      const [found] = this.#trees.outbox.getKeys({ start, limit: 1 });
      if (found === undefined || found.readUInt16BE(0) >= slice.toHash)
        return { entityIds, after: undefined };
      const prefix = prefixOf(found);
      const entityId = entityOf(prefix.subarray(0, -1));
      if (entityId !== undefined) entityIds.push(entityId);
      start = pastRow(prefix);
    }
    return { entityIds, after: entityIds.at(-1) };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sweep.stop();
    await this.#writer.close();
    await this.#trees.root.close();
  }

  #version(entityId: string): RowVersion | undefined {
    const bytes = this.#trees.cells.get(versionKey(entityId));
    return bytes === undefined ? undefined : storedVersion(entityId, bytes);
  }

  #cells(prefix: Buffer, { family, from, to, limit, offset = 0 }: CellRange): readonly Cell[] {
    const start = cellKey(prefix, family, from);
    const end = to === undefined ? pastFamily(prefix, family) : cellKey(prefix, family, to);
    if (start.compare(end) >= 0) return [];
    const found: Cell[] = [];
    const add = (key: Buffer, value: Buffer): number =>
      found.push({ family, qualifier: key.subarray(cellKeyBytes(prefix)), value });
    const tree = this.#treeOf(family);
    if (family !== 'd') {
      for (const { key, value } of tree.getRange({ start, end, limit, offset })) add(key, value);
      return found;
    }
    const keptSinceMs = this.#time.wallMs() - dedupTimeToLiveMs;
    let toPass = offset;
    for (const { key, value } of tree.getRange({ start, end })) {
      if (writtenMsOf(value) <= keptSinceMs) continue;
      if (toPass > 0) toPass--;
      else if (add(key, valueOf(value)) === limit) break;
    }
    return found;
  }

  #treeOf(family: Family): Tree {
    return family === 'o' ? this.#trees.outbox : this.#trees.cells;
  }

  async #transact(writes: readonly RowWrite[]): Promise<readonly boolean[]> {
    const wallMs = this.#time.wallMs();
    try {
      return await this.#trees.root.transaction(() => writes.map((write) => this.#apply(write, wallMs)));
    } catch (error) {
      this.#freshSnapshot();
      const { cells } = this.#trees;
      const undone = writes.some(({ prefix, base }) => isAt(base, cells.get(cellKey(prefix, 'v'))));
      throw await transactionFailure(error, undone);
    }
  }

  /** Runs inside the write transaction, which no other process shares. */
  #apply({ prefix, base, next, cells }: RowWrite, wallMs: number): boolean {
    const versionAt = cellKey(prefix, 'v');
    if (!isAt(base, this.#trees.cells.getBinary(versionAt))) return false;
    this.#trees.cells.putSync(versionAt, next.bytes);
    for (const { family, qualifier, value } of cells) {
      const tree = this.#treeOf(family);
      const key = cellKey(prefix, family, qualifier);
      if (value.length === 0) tree.removeSync(key);
      else tree.putSync(key, family === 'd' ? datedValue(wallMs, value) : value);
    }
    return true;
  }

  /** Without it a read could see the state of the tick's first read, and miss a commit of another process. */
  #freshSnapshot(): void {
    this.#trees.root.resetReadTxn();
  }

  #admit(deadline: number): void {
    if (this.#closed) throw new StoreError('unavailable', 'the store is closed');
    if (this.#time.monotonicMs() >= deadline) throw new StoreError('unavailable', 'the deadline has passed');
  }
}

function isAt(base: RowVersion | undefined, stored: Buffer | undefined): boolean {
  return base === undefined || stored === undefined ? base === stored : base.bytes.equals(stored);
}

function hashKey(hash: number): Buffer {
  return Buffer.of(hash >>> 8, hash & 0xff);
}
