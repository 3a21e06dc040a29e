// hbase-rpc-client under test, in a process of its own. Argument: ZooKeeper, host:port.
import connect from 'hbase-rpc-client';

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
const [zookeeper = ''] = process.argv.slice(2);
const client = connect({
  zookeeperHosts: [zookeeper],
  tcpNoDelay: true, // off by default, and then each call waits for Nagle and the delayed acknowledgement: 22 a second
  callTimeout: shape.callTimeoutMs,
  effectiveUser: 'bench',
});
client.on('error', (error) => {
  console.error(error);
});

/** Its Get knows no filter and no limit, but its message does: the fields are added where it builds that. */
class WideGet extends connect.Get {
  readonly #from: Buffer;

  constructor(from: Buffer) {
    super(shape.wideRow);
    this.#from = from;
    this.addColumn(family);
    const plain = this.getFields.bind(this);
    this.getFields = () => ({
      ...plain(),
      filter: {
        name: 'org.apache.hadoop.hbase.filter.ColumnRangeFilter',
        serializedFilter: columnRangeFrom(this.#from),
      },
      storeLimit: shape.wideGetCells,
    });
  }
}

/** A ColumnRangeFilter message: minColumn, and that it is inclusive. */
function columnRangeFrom(from: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x0a, from.length), from, Buffer.of(0x10, 1)]);
}

/** The version of each lane's row, as its last conditional put left it. */
const versions = new Map<number, Buffer>();

function promised<T>(call: (done: connect.Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, answer) => {
      if (error === null || error === undefined) resolve(answer);
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    });
  });
}

const operations: Operations = {
  put: (lane, turn) => {
    const put = new connect.Put(sharedRow(lane, turn));
    put.add(family, valueQualifier, benchValue);
    return promised((done) => {
      client.put(table, put, done);
    });
  },
  conditionalPut: async (lane) => {
    const row = ownRow('hbaseRpcClient', lane);
    const expected = versions.get(lane) ?? firstVersion;
    const next = nextVersion(expected);
    const put = new connect.Put(row);
    put.add(family, versionQualifier, next);
    put.add(family, valueQualifier, benchValue);
    const { processed } = await promised<{ readonly processed: boolean }>((done) => {
      client.checkAndPut(table, row, family, versionQualifier, expected, put, done);
    });
    if (!processed) throw new Error('a conditional put that had to win did not');
    versions.set(lane, next);
  },
  get: async (lane, turn) => {
    const get = new connect.Get(sharedRow(lane, turn));
    const row = await promised<connect.Row | null>((done) => {
      client.get(table, get, done);
    });
    if (row?.columns[0]?.value.length !== shape.valueBytes) throw new Error('a row is not what was put');
  },
  wideGet: async (lane, turn) => {
    const get = new WideGet(wideFrom(lane, turn));
    const row = await promised<connect.Row | null>((done) => {
      client.get(table, get, done);
    });
    checkWideCells(row?.columns ?? []);
  },
};

await serveSlices(operations);
process.exit(0); // it has no way to be closed
