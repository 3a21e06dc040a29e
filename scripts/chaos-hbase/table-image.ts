import { writeColumns } from '../../src/hbase/column-selection.ts';
import { readResult } from '../../src/hbase/get-request.ts';
import type { HBaseClient } from '../../src/hbase/hbase-client.ts';
import { HBaseCluster } from '../../src/hbase/hbase-cluster.ts';
import type { HBaseOptions } from '../../src/hbase/hbase-options.ts';
import { RegionCalls } from '../../src/hbase/region-calls.ts';
import { canonicalTableName } from '../../src/hbase/table-name.ts';
import type { Time } from '../../src/std/time.ts';
import { family, roleOf, valueQualifier, versionOf } from './chaos-table.ts';

export interface PutImage {
  readonly value: string;
  /** How often the scan gave the row; once is right. */
  times: number;
  /** How often HBase has its cell, where that was asked: once for each time it was written. */
  written?: number;
}

export interface ChainImage {
  readonly head: string;
  /** `base>nonce` of each version. */
  readonly history: ReadonlyMap<number, string>;
}

/** What is in the table in the end. */
export interface TableImage {
  readonly puts: Map<string, PutImage>;
  readonly chains: Map<string, ChainImage>;
  /** Rows that are no part of the workload at all. */
  readonly strange: string[];
}

const pageRows = 2000;
const pageTimeoutMs = 60_000;
const countTimeoutMs = 30_000;
const countsInFlight = 64;
const versionsCounted = 5;

/** Reads all of it, from the first row to the last. @throws HBaseError */
export async function readTableImage(client: HBaseClient, table: string, time: Time): Promise<TableImage> {
  const image: TableImage = { puts: new Map(), chains: new Map(), strange: [] };
  let startRow: Buffer | undefined;
  for (;;) {
    const from = startRow && { startRow, includeStartRow: false };
    const deadline = time.monotonicMs() + pageTimeoutMs;
    const page = await client.scan(table, { ...from, rowsMax: pageRows }, deadline);
    for (const { row, cells } of page.rows) {
      const texts = cells.map(({ qualifier, value }): [string, string] => [
        qualifier.toString(),
        value.toString(),
      ]);
      addRow(image, row.toString(), texts);
    }
    const last = page.rows.at(-1)?.row;
    if (!page.more || last === undefined) return image;
    startRow = Buffer.from(last);
  }
}

function addRow(image: TableImage, row: string, cells: readonly [string, string][]): void {
  const role = roleOf(row);
  if (role === 'probe') return;
  if (role === 'put') {
    const known = image.puts.get(row);
    if (known) known.times++;
    else image.puts.set(row, { value: cells.map(([, value]) => value).join(), times: 1 });
  } else if (role === 'chain' && !image.chains.has(row)) {
    const history = cells.flatMap(([qualifier, value]): [number, string][] => {
      const version = versionOf(qualifier);
      return version === undefined ? [] : [[version, value]];
    });
    const head = cells.find(([qualifier]) => qualifier === valueQualifier.toString())?.[1] ?? '';
    image.chains.set(row, { head, history: new Map(history) });
  } else {
    image.strange.push(row);
  }
}

/** Asks HBase for all versions of these puts' cells, and notes how many there are. @throws HBaseError */
export async function countWrites(
  options: HBaseOptions,
  table: string,
  rows: Iterable<string>,
  image: TableImage,
): Promise<void> {
  const cluster = new HBaseCluster(options);
  const calls = new RegionCalls(cluster);
  const left = rows[Symbol.iterator]();
  const countOn = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const found = image.puts.get(next.value);
      if (!found) continue;
      const row = Buffer.from(next.value);
      const deadline = cluster.time.monotonicMs() + countTimeoutMs;
      found.written = await calls.call(canonicalTableName(table), row, 'repeatable', deadline, (region) => ({
        method: 'Get',
        encode: (out) => {
          out.bytes(1, region.specifier);
          const get = out.open(2);
          out.bytes(1, row);
          writeColumns(out, 2, [{ family, qualifiers: [valueQualifier] }]);
          out.uint(6, versionsCounted);
          out.close(get);
        },
        decode: (answer, cells) => {
          let count = 0;
          for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
            if (tag >>> 3 === 1) count = readResult(answer, cells).length;
            else answer.skip(tag);
          }
          return count;
        },
      }));
    }
  };
  try {
    await Promise.all(Array.from({ length: countsInFlight }, countOn));
  } finally {
    cluster.close();
  }
}
