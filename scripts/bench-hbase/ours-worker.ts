// src/hbase under test, in a process of its own so that its CPU time is its own. Argument: servers, host:port,host:port.
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import type { Operations } from './slice.ts';
import { serveSlices } from './slice-server.ts';
import {
  benchValue,
  checkWideCells,
  firstVersion,
  nextVersion,
  ownRow,
  shape,
  sharedRow,
  wideFrom,
} from './workload.ts';

const { table, family, valueQualifier, versionQualifier } = shape;
const [servers = ''] = process.argv.slice(2);
// As many in flight as the bench asks for; the default keeps below what a default region server refuses.
const client = new HBaseClient({ servers: servers.split(','), limits: { inFlightPerServerMax: 256 } });
const deadline = (): number => performance.now() + shape.callTimeoutMs;
const valueCell = { family, qualifier: valueQualifier, value: benchValue };
const wideColumns = [{ family }];

/** The version of each lane's row, as its last conditional put left it. */
const versions = new Map<number, Buffer>();

const operations: Operations = {
  put: (lane, turn) => client.put(table, { row: sharedRow(lane, turn), cells: [valueCell] }, deadline()),
  conditionalPut: async (lane) => {
    const expected = versions.get(lane) ?? firstVersion;
    const next = nextVersion(expected);
    const applied = await client.checkAndPut(
      table,
      { row: ownRow('ours', lane), cells: [{ family, qualifier: versionQualifier, value: next }, valueCell] },
      { family, qualifier: versionQualifier, expected },
      deadline(),
    );
    if (!applied) throw new Error('a conditional put that had to win did not');
    versions.set(lane, next);
  },
  get: async (lane, turn) => {
    const cells = await client.get(table, { row: sharedRow(lane, turn) }, deadline());
    if (cells[0]?.value.length !== shape.valueBytes) throw new Error('a row is not what was put');
  },
  wideGet: async (lane, turn) => {
    checkWideCells(
      await client.get(
        table,
        {
          row: shape.wideRow,
          columns: wideColumns,
          columnRange: { from: wideFrom(lane, turn) },
          cellsPerFamilyMax: shape.wideGetCells,
        },
        deadline(),
      ),
    );
  },
};

await serveSlices(operations);
client.close();
