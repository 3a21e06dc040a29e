import type { Cell as StoredCell } from '../hbase/cell.ts';
import type { Get } from '../hbase/get-request.ts';
import type { HBaseClient } from '../hbase/hbase-client.ts';
import { HBaseError } from '../hbase/hbase-error.ts';
import type { Scan } from '../hbase/scan-pages.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import { entityOf, rowHashCount, rowKey } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import { isVersionQualifier, refuseVersionCell, storedVersion, versionQualifier } from './cell-rules.ts';
import { hbaseFailure } from './hbase-failure.ts';
import type { RowTable } from './row-table.ts';

/** The table of rows in a namespace. */
export function rowTableName(namespace: string): string {
  return `${namespace}:rows`;
}

/** Writers that outrun a read so often leave it no consistent moment. */
const readTriesMax = 8;

/** Rows in HBase: the version is the cell `h:v`, and every commit is one Put on the condition of its value. */
export class HBaseTable implements RowTable {
  readonly #client: HBaseClient;
  readonly #table: string;

  /** @param client is closed with this table */
  constructor(client: HBaseClient, namespace: string) {
    this.#client = client;
    this.#table = rowTableName(namespace);
  }

  async read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    const row = rowKey(entityId);
    const [version, asked] = [versionGet(row), ranges.filter(isNotEmpty)];
    // All in one call, answered one after the other: equal versions at both ends mean that nothing was
    // committed in between, so all of it is of that version.
    const gets = asked.length === 0 ? [version] : [version, ...asked.map((r) => rangeGet(row, r)), version];
    for (let tries = 1; tries <= readTriesMax; tries++) {
      const results = await translated(this.#client.multiGet(this.#table, gets, deadline));
      const [before, after] = [results[0]?.[0]?.value, results.at(-1)?.[0]?.value];
      if (before === undefined ? after !== undefined : !after?.equals(before)) continue;
      const cellsOf = new Map(asked.map((range, i) => [range, cellsWithin(range, results[i + 1] ?? [])]));
      return {
        version: before && storedVersion(entityId, Buffer.from(before)),
        ranges: ranges.map((range) => cellsOf.get(range) ?? []),
      };
    }
    const text = `row ${entityId} changed during each of ${String(readTriesMax)} reads`;
    throw new StoreError('unavailable', text);
  }

  async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    refuseVersionCell(cells);
    const version: Cell = { family: 'h', qualifier: versionQualifier, value: next.bytes };
    const put = { row: rowKey(entityId), cells: [version, ...cells] };
    const condition = { family: 'h', qualifier: versionQualifier, expected: base?.bytes };
    return translated(this.#client.checkAndPut(this.#table, put, condition, deadline));
  }

  async versions(
    entityIds: readonly string[],
    deadline: number,
  ): Promise<readonly (RowVersion | undefined)[]> {
    if (entityIds.length === 0) return [];
    const gets = entityIds.map((entityId) => versionGet(rowKey(entityId)));
    const results = await translated(this.#client.multiGet(this.#table, gets, deadline));
    return entityIds.map((entityId, i) => {
      const bytes = results[i]?.[0]?.value;
      return bytes && storedVersion(entityId, Buffer.from(bytes));
    });
  }

  async scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    const stopRow = slice.toHash < rowHashCount ? { stopRow: hashKey(slice.toHash) } : {};
    let start: Pick<Scan, 'startRow' | 'includeStartRow'> =
      after === undefined
        ? { startRow: hashKey(slice.fromHash) }
        : { startRow: rowKey(after), includeStartRow: false };
    for (;;) {
      const scan = {
        columns: [{ family: 'o' }],
        skipEmptyValues: true,
        cellsPerFamilyMax: 1,
        rowsMax: limit,
      };
      const page = await translated(
        this.#client.scan(this.#table, { ...scan, ...start, ...stopRow }, deadline),
      );
      const entityIds = page.rows.flatMap(({ row }) => entityOf(row) ?? []);
      const last = page.rows.at(-1)?.row;
      if (!page.more || last === undefined) return { entityIds, after: undefined };
      if (entityIds.length > 0) return { entityIds, after: entityIds.at(-1) };
      start = { startRow: Buffer.from(last), includeStartRow: false }; // only auxiliary rows on this page
    }
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

function versionGet(row: Buffer): Get {
  return { row, columns: [{ family: 'h', qualifiers: [versionQualifier] }] };
}

function isNotEmpty({ from, to }: CellRange): boolean {
  return to === undefined || from.compare(to) < 0;
}

/** HBase counts the version cell among those of `h`, so there the counting is done here. */
function rangeGet(row: Buffer, { family, from, to, limit, offset = 0 }: CellRange): Get {
  const columnRange = { ...(from.length > 0 && { from }), ...(to !== undefined && { to }) };
  return {
    row,
    columns: [{ family }],
    ...((from.length > 0 || to !== undefined) && { columnRange }),
    skipEmptyValues: true,
    cellsPerFamilyMax: family === 'h' ? offset + limit + 1 : limit,
    ...(family !== 'h' && offset > 0 && { cellsPerFamilySkipped: offset }),
  };
}

/** Copied: a cell of an answer would keep the whole answer in memory. */
function cellsWithin({ family, limit, offset = 0 }: CellRange, stored: readonly StoredCell[]): Cell[] {
  const wanted =
    family === 'h'
      ? stored.filter(({ qualifier }) => !isVersionQualifier(qualifier)).slice(offset, offset + limit)
      : stored;
  return wanted.map((cell) => ({
    family,
    qualifier: Buffer.from(cell.qualifier),
    value: Buffer.from(cell.value),
  }));
}

function hashKey(hash: number): Buffer {
  return Buffer.of(hash >>> 8, hash & 0xff);
}

async function translated<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw error instanceof HBaseError ? hbaseFailure(error) : error;
  }
}
