import { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import type { Put } from '../../src/hbase/mutate-request.ts';
import { benchValue, clientNames, firstVersion, ownRow, rowKey, shape, wideQualifier } from './workload.ts';

const prepareTimeoutMs = 60_000;
const wideCellsPerPut = 1000;

/** Makes the table and everything in it that is read or compared. @throws HBaseError */
export async function prepareBenchTable(servers: readonly string[]): Promise<void> {
  const deadline = performance.now() + prepareTimeoutMs;
  const admin = new HBaseAdmin({ servers });
  const client = new HBaseClient({ servers });
  const { table, family } = shape;
  try {
    const splitKeys = [0x40, 0x80, 0xc0].map((first) => Buffer.of(first, 0));
    const families = [{ name: family, bloomFilter: 'ROW' as const, blockBytes: 16_384 }];
    await admin.createTable({ table, families, splitKeys }, deadline);
    await client.putAll(table, [...sharedRows(), ...ownRows()], deadline);
    for (const put of wideRow()) await client.put(table, put, deadline);
    await admin.flushTable(table, deadline);
  } finally {
    client.close();
    admin.close();
  }
}

function sharedRows(): Put[] {
  const cells = [{ family: shape.family, qualifier: shape.valueQualifier, value: benchValue }];
  return Array.from({ length: shape.rows }, (_, i) => ({ row: rowKey(i), cells }));
}

function ownRows(): Put[] {
  const cells = [{ family: shape.family, qualifier: shape.versionQualifier, value: firstVersion }];
  return clientNames.flatMap((name) =>
    Array.from({ length: shape.lanesMax }, (_, lane) => ({ row: ownRow(name, lane), cells })),
  );
}

function* wideRow(): Generator<Put> {
  for (let from = 0; from < shape.wideCells; from += wideCellsPerPut) {
    const cells = Array.from({ length: wideCellsPerPut }, (_, i) => ({
      family: shape.family,
      qualifier: wideQualifier(from + i),
      value: benchValue,
    }));
    yield { row: shape.wideRow, cells };
  }
}
