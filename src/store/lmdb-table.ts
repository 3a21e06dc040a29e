import type { Cell, CellRange } from '../row/cell.ts';
import { dedupTimeToLiveMs } from '../row/cell.ts';
import { entityOf, rowKey } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { refuseVersionCell, storedVersion } from './cell-rules.ts';
import { DedupSweep } from './dedup-sweep.ts';
import type { SweepPace } from './dedup-sweep.ts';
import { GroupWriter } from './group-writer.ts';
import type { GroupWriterLimits } from './group-writer.ts';
import { cellPrefix, keyBytesMax, openTrees, pastRow, prefixOf } from './lmdb-trees.ts';
import type { LmdbTrees } from './lmdb-trees.ts';
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

export const defaultLmdbLimits: GroupWriterLimits = { waitingMax: 20_000, groupMax: 1_000 };
export const defaultSweepPace: SweepPace = { everyMs: 1_000, cellsMax: 500 };

interface RowWrite {
  readonly key: Buffer;
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
    });
    this.#sweep = new DedupSweep({
      tree: this.#trees.cells.d,
      time: parts.time,
      pace: parts.sweep ?? defaultSweepPace,
      onError: parts.onBackgroundError,
    });
    this.#sweep.start();
  }

  async read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    this.#admit(deadline);
    const prefix = cellPrefix(entityId);
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
    const key = rowKey(entityId);
    const prefix = cellPrefix(entityId);
    for (const { qualifier } of cells) {
      if (prefix.length + qualifier.length > keyBytesMax) {
        throw new StoreError('refused', `row key and qualifier exceed ${String(keyBytesMax)} bytes`);
      }
    }
    return this.#writer.write({ key, prefix, base, next, cells }, deadline);
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
    let start = after === undefined ? hashKey(slice.fromHash) : pastRow(cellPrefix(after));
    while (entityIds.length < limit) {
      const [found] = this.#trees.cells.o.getKeys({ start, limit: 1 });
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
    const bytes = this.#trees.versions.get(rowKey(entityId));
    return bytes === undefined ? undefined : storedVersion(entityId, bytes);
  }

  #cells(prefix: Buffer, range: CellRange): readonly Cell[] {
    const { family, limit, offset = 0 } = range;
    const start = Buffer.concat([prefix, range.from]);
    const end = range.to === undefined ? pastRow(prefix) : Buffer.concat([prefix, range.to]);
    if (start.compare(end) >= 0) return [];
    const cell = (key: Buffer, value: Buffer): Cell => ({
      family,
      qualifier: key.subarray(prefix.length),
      value,
    });
    const found: Cell[] = [];
    if (family !== 'd') {
      for (const { key, value } of this.#trees.cells[family].getRange({ start, end, limit, offset })) {
        found.push(cell(key, value));
      }
      return found;
    }
    const keptSinceMs = this.#time.wallMs() - dedupTimeToLiveMs;
    let toPass = offset;
    for (const { key, value, version } of this.#trees.cells.d.getRange({ start, end, versions: true })) {
      if (version === undefined || version <= keptSinceMs) continue;
      if (toPass > 0) toPass--;
      else if (found.push(cell(key, value)) === limit) break;
    }
    return found;
  }

  async #transact(writes: readonly RowWrite[]): Promise<readonly boolean[]> {
    const wallMs = this.#time.wallMs();
    try {
      return await this.#trees.root.transaction(() => writes.map((write) => this.#apply(write, wallMs)));
    } catch (error) {
      this.#freshSnapshot();
      const undone = writes.some(({ key, base }) => isAt(base, this.#trees.versions.get(key)));
      throw await transactionFailure(error, undone);
    }
  }

  /** Runs inside the write transaction, which no other process shares. */
  #apply({ key, prefix, base, next, cells }: RowWrite, wallMs: number): boolean {
    const { versions, cells: trees } = this.#trees;
    if (!isAt(base, versions.getBinary(key))) return false;
    versions.putSync(key, next.bytes);
    for (const { family, qualifier, value } of cells) {
      const cellKey = Buffer.concat([prefix, qualifier]);
      if (value.length === 0) trees[family].removeSync(cellKey);
      else if (family === 'd') trees.d.putSync(cellKey, value, wallMs);
      else trees[family].putSync(cellKey, value);
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
