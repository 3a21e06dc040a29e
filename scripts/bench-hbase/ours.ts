// Measures src/hbase against a running HBase, in a process of its own so that its CPU time is its own.
//   node scripts/bench-hbase/ours.ts --servers host:port[,host:port] [--seconds 5] [--warm-up 5] [--in-flight 1,64,256] [--only put,get]
// Last line: {put|conditionalPut|get|wideGet: {"1"|"64"|"256": {opsPerSecond, p99Ms, cpuMicros}}}
import { parseArgs } from 'node:util';

import { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import { measure, operations, rowKey, shape, wideQualifier } from './workload.ts';
import type { Figures, Operation } from './workload.ts';

const { values: args } = parseArgs({
  options: {
    servers: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '5' },
    'in-flight': { type: 'string', default: '1,64,256' },
    only: { type: 'string', default: operations.join(',') },
  },
});
if (args.servers === undefined) throw new Error('--servers host:port is missing');

const servers = args.servers.split(',');
const seconds = Number(args.seconds);
const warmUpSeconds = Number(args['warm-up']);
const only = new Set(args.only.split(','));
const table = `bench_ours_${process.pid}`;
const { family } = shape;
const valueQualifier = Buffer.from('v');
const versionQualifier = Buffer.from('n');
const value = Buffer.alloc(shape.valueBytes, 'x');
const wideRow = Buffer.from(shape.wideRow);
const inMs = (ms: number) => performance.now() + ms;

const admin = new HBaseAdmin({ servers });
const client = new HBaseClient({ servers, limits: { inFlightPerServerMax: 256 } });

async function prepare(): Promise<void> {
  const splitKeys = [0x40, 0x80, 0xc0].map((first) => Buffer.of(first, 0));
  await admin.createTable(
    { table, families: [{ name: family, bloomFilter: 'ROW', blockBytes: 16_384 }], splitKeys },
    inMs(30_000),
  );
  const cells = Array.from({ length: shape.wideCells }, (_, i) => ({
    family,
    qualifier: wideQualifier(i),
    value,
  }));
  await client.put(table, { row: wideRow, cells }, inMs(30_000));
  const puts = Array.from({ length: shape.rows }, (_, i) => ({
    row: rowKey(i),
    cells: [{ family, qualifier: valueQualifier, value }],
  }));
  await client.putAll(table, puts, inMs(30_000));
}

/** The version of each lane's row, as the last conditional put left it. */
const versions = new Map<number, Buffer>();

async function conditionalPut(worker: number): Promise<void> {
  const base = versions.get(worker);
  const next = Buffer.alloc(8);
  next.writeUInt32BE((base?.readUInt32BE(4) ?? 0) + 1, 4);
  const cells = [
    { family, qualifier: versionQualifier, value: next },
    { family, qualifier: valueQualifier, value },
  ];
  const condition = { family, qualifier: versionQualifier, expected: base };
  const applied = await client.checkAndPut(table, { row: rowKey(worker), cells }, condition, inMs(10_000));
  if (!applied) throw new Error('a conditional put that had to win did not');
  versions.set(worker, next);
}

const wideColumns = [{ family }];
const operate: Record<Operation, (worker: number, turn: number) => Promise<unknown>> = {
  put: (worker, turn) =>
    client.put(
      table,
      {
        row: rowKey((worker + turn * 257) % shape.rows),
        cells: [{ family, qualifier: valueQualifier, value }],
      },
      inMs(10_000),
    ),
  conditionalPut,
  get: (worker, turn) => client.get(table, { row: rowKey((worker + turn * 257) % shape.rows) }, inMs(10_000)),
  wideGet: async (worker, turn) => {
    const from = (worker * 131 + turn * 50) % (shape.wideCells - shape.wideGetCells);
    const cells = await client.get(
      table,
      {
        row: wideRow,
        columns: wideColumns,
        columnRange: { from: wideQualifier(from) },
        cellsPerFamilyMax: shape.wideGetCells,
      },
      inMs(10_000),
    );
    let bytes = 0;
    for (const cell of cells) bytes += cell.qualifier.length + cell.value.length; // decode as a user would
    if (bytes !== shape.wideGetCells * (8 + shape.valueBytes)) throw new Error(`read ${bytes} bytes`);
  },
};

await prepare();
const report: Partial<Record<Operation, Record<string, Figures>>> = {};
for (const operation of operations.filter((name) => only.has(name))) {
  await measure(operate[operation], { inFlight: 64, seconds: warmUpSeconds });
  const figures: Record<string, Figures> = {};
  for (const inFlight of args['in-flight'].split(',').map(Number)) {
    const measured = await measure(operate[operation], { inFlight, seconds });
    figures[String(inFlight)] = measured;
    console.error(`${operation} at ${inFlight}: ${JSON.stringify(measured)}`);
  }
  report[operation] = figures;
}
await admin.disableTable(table, inMs(30_000));
await admin.deleteTable(table, inMs(30_000));
client.close();
admin.close();
console.log(JSON.stringify(report));
