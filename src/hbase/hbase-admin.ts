import { HBaseCluster } from './hbase-cluster.ts';
import { HBaseError } from './hbase-error.ts';
import type { HBaseOptions } from './hbase-options.ts';
import { MasterCalls } from './master-calls.ts';
import type { Nonce } from './master-calls.ts';
import { readMetaRow } from './meta-row.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import { encodedRegionName, metaTable, writeRegionInfo } from './region.ts';
import type { RegionLocation } from './region.ts';
import { RegionCalls } from './region-calls.ts';
import { Retry } from './retry.ts';
import { ScanRun } from './scan-pages.ts';
import { readServerName, writeServerName } from './server-name.ts';
import type { ServerName } from './server-name.ts';
import { canonicalTableName, readTableName, writeTableName } from './table-name.ts';
import {
  familySchema,
  readTableSchema,
  tableSchema,
  writeFamilySchema,
  writeTableSchema,
} from './table-schema.ts';
import type { FamilySettings, TableSchema, TableSettings } from './table-schema.ts';

export type TableState = 'enabled' | 'disabled' | 'disabling' | 'enabling';

const tableStates: readonly TableState[] = ['enabled', 'disabled', 'disabling', 'enabling'];
const encodedNameType = 2;
const serversNameOption = 10;
const regionsPerPage = 500;

/**
 * Namespaces, tables and regions of an HBase 2 or 3 cluster, through its active master. Changes are complete when the
 * promise resolves. They carry nonces: a lost answer is asked for again, and nothing is done twice.
 * Deadlines are absolute, on the monotonic clock. Fails with {@link HBaseError} only; `unknown_fate` means that a
 * change was still under way at the deadline.
 */
export class HBaseAdmin {
  readonly #cluster: HBaseCluster;
  readonly #master: MasterCalls;

  /** Connects to nothing yet. @throws HBaseError `refused` where an address makes no sense */
  constructor(options: HBaseOptions) {
    this.#cluster = new HBaseCluster(options);
    this.#master = new MasterCalls(this.#cluster);
  }

  namespaces(deadline: number): Promise<string[]> {
    return this.#master.call(
      {
        method: 'ListNamespaces',
        encode: () => undefined,
        decode: (answer) => readAll(answer, 1, () => answer.text()),
      },
      deadline,
    );
  }

  /** @throws HBaseError `already_exists` */
  createNamespace(namespace: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      const descriptor = out.open(1);
      out.text(1, namespace);
      out.close(descriptor);
      writeNonce(out, 2, nonce);
    };
    return this.#master.procedure('CreateNamespace', encode, deadline);
  }

  /** It has to be empty. @throws HBaseError `not_found`, `refused` */
  deleteNamespace(namespace: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      out.text(1, namespace);
      writeNonce(out, 2, nonce);
    };
    return this.#master.procedure('DeleteNamespace', encode, deadline);
  }

  /** User tables. */
  tables(deadline: number): Promise<string[]> {
    return this.#master.call(
      {
        method: 'GetTableNames',
        encode: (out) => out.bool(2, false),
        decode: (answer) => readAll(answer, 1, () => readTableName(answer)),
      },
      deadline,
    );
  }

  /** @throws HBaseError `already_exists`, `not_found` (its namespace) */
  createTable(settings: TableSettings, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableSchema(out, 1, tableSchema(settings));
      for (const key of settings.splitKeys ?? []) out.bytes(2, key);
      writeNonce(out, 3, nonce);
    };
    return this.#master.procedure('CreateTable', encode, deadline);
  }

  /** @throws HBaseError `table_not_found` */
  async describeTable(table: string, deadline: number): Promise<TableSchema> {
    const [schema] = await this.#master.call(
      {
        method: 'GetTableDescriptors',
        encode: (out) => {
          writeTableName(out, 1, table);
        },
        decode: (answer) => readAll(answer, 1, () => readTableSchema(answer)),
      },
      deadline,
    );
    if (schema === undefined) throw new HBaseError('table_not_found', `there is no table ${table}`);
    return schema;
  }

  /** @throws HBaseError `table_not_found` */
  async tableState(table: string, deadline: number): Promise<TableState> {
    const decode = (answer: ProtoReader): number => {
      const [state] = readAll(answer, 1, () => {
        const outer = answer.enter();
        const [number] = readAll(answer, 1, () => answer.uint());
        answer.leave(outer);
        return number ?? 0;
      });
      return state ?? 0;
    };
    const encode = (out: ProtoWriter) => writeTableName(out, 1, table);
    const state = tableStates[await this.#master.call({ method: 'GetTableState', encode, decode }, deadline)];
    if (state === undefined)
      throw new HBaseError('protocol', `HBase gives an unknown state of table ${table}`);
    return state;
  }

  /** @throws HBaseError `table_not_found`, `table_disabled` where it already is */
  disableTable(table: string, deadline: number): Promise<void> {
    return this.#tableProcedure('DisableTable', table, deadline);
  }

  /** @throws HBaseError `table_not_found`, `refused` where it is not disabled */
  enableTable(table: string, deadline: number): Promise<void> {
    return this.#tableProcedure('EnableTable', table, deadline);
  }

  /** It has to be disabled. @throws HBaseError `table_not_found`, `refused` */
  deleteTable(table: string, deadline: number): Promise<void> {
    return this.#tableProcedure('DeleteTable', table, deadline);
  }

  /** Deletes all rows and keeps the regions' borders. It has to be disabled, and is enabled afterwards. */
  truncateTable(table: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      out.bool(2, true);
      writeNonce(out, 3, nonce);
    };
    return this.#procedure('truncateTable', table, encode, deadline);
  }

  /** @throws HBaseError `table_not_found`, `refused` where the family exists */
  addFamily(table: string, settings: FamilySettings, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      writeFamilySchema(out, 2, familySchema(settings));
      writeNonce(out, 3, nonce);
    };
    return this.#procedure('AddColumn', table, encode, deadline);
  }

  /** Changes what is named in `settings`, keeps the rest. @throws HBaseError `table_not_found`, `not_found` */
  async alterFamily(table: string, settings: FamilySettings, deadline: number): Promise<void> {
    const schema = await this.describeTable(table, deadline);
    const base = schema.families.find(({ name }) => name === settings.name);
    if (base === undefined)
      throw new HBaseError('not_found', `table ${table} has no family ${settings.name}`);
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      writeFamilySchema(out, 2, familySchema(settings, base));
      writeNonce(out, 3, nonce);
    };
    await this.#procedure('ModifyColumn', table, encode, deadline);
  }

  /** Deletes the family with its data. @throws HBaseError `table_not_found`, `refused` */
  deleteFamily(table: string, family: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      out.text(2, family);
      writeNonce(out, 3, nonce);
    };
    return this.#procedure('DeleteColumn', table, encode, deadline);
  }

  /** Writes what is in memory to files. HBase 2.6 and later. */
  flushTable(table: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      writeNonce(out, 3, nonce);
    };
    return this.#procedure('FlushTable', table, encode, deadline);
  }

  /** The regions of a table that are open now, ascending, as hbase:meta has them; of hbase:meta its one region. */
  async regions(table: string, deadline: number): Promise<RegionLocation[]> {
    const name = canonicalTableName(table);
    if (name === metaTable) return [await this.#metaRegion(deadline)];
    const found: RegionLocation[] = [];
    let startRow = Buffer.from(`${name},,`, 'utf8');
    for (let more = true, first = true; more; first = false) {
      const scan = {
        startRow,
        includeStartRow: first,
        stopRow: Buffer.from(`${name}-`, 'utf8'), // follows all that starts with the name and a comma
        columns: [{ family: 'info' }],
        rowsMax: regionsPerPage,
      };
      const page = await new ScanRun(
        this.#cluster,
        new RegionCalls(this.#cluster),
        metaTable,
        scan,
        deadline,
      ).page();
      for (const { cells } of page.rows) {
        const row = readMetaRow(cells);
        if (row?.location && !row.info.split && !row.info.offline && row.info.table === name)
          found.push(row.location);
      }
      startRow = Buffer.from(page.rows.at(-1)?.row ?? startRow);
      more = page.more;
    }
    return found;
  }

  /** The region servers that are alive, as the master sees it. */
  regionServers(deadline: number): Promise<ServerName[]> {
    return this.#master.call(
      {
        method: 'GetClusterStatus',
        encode: (out) => out.uint(1, serversNameOption),
        decode: (answer) => {
          const [servers] = readAll(answer, 1, () => {
            const outer = answer.enter();
            const names = readAll(answer, 11, () => readServerName(answer));
            answer.leave(outer);
            return names;
          });
          return servers ?? [];
        },
      },
      deadline,
    );
  }

  /** Moves a region to a server, or to any. Resolves when it is open there. */
  moveRegion(region: RegionLocation, to: ServerName | undefined, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter) => {
      writeEncodedName(out, 1, region);
      if (to) writeServerName(out, 2, to);
    };
    return this.#master.call({ method: 'MoveRegion', encode, decode: () => undefined }, deadline);
  }

  /** Splits a region at a row, which becomes the first of the second half. */
  splitRegion(region: RegionLocation, splitRow: Buffer, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeRegionInfo(out, 1, region.info);
      out.bytes(2, splitRow);
      writeNonce(out, 3, nonce);
    };
    return this.#master.procedure('SplitRegion', encode, deadline);
  }

  /** Merges neighbouring regions into one. */
  mergeRegions(regions: readonly RegionLocation[], deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      for (const region of regions) writeEncodedName(out, 1, region);
      out.bool(3, false);
      writeNonce(out, 4, nonce);
    };
    return this.#master.procedure('MergeTableRegions', encode, deadline);
  }

  /** Lets the master move regions by itself, or not. @returns what it was before */
  async setBalancer(on: boolean, deadline: number): Promise<boolean> {
    const encode = (out: ProtoWriter) => {
      out.bool(1, on);
      out.bool(2, true);
    };
    const decode = (answer: ProtoReader) => readAll(answer, 1, () => answer.bool())[0] ?? false;
    return this.#master.call({ method: 'SetBalancerRunning', encode, decode }, deadline);
  }

  /** Drops all connections; calls under way fail. */
  close(): void {
    this.#cluster.close();
  }

  async #metaRegion(deadline: number): Promise<RegionLocation> {
    const calls = new RegionCalls(this.#cluster);
    const retry = new Retry(this.#cluster, deadline);
    const locate = () => calls.locate(metaTable, Buffer.alloc(0), 'at', retry);
    this.#cluster.locator.drop(await locate()); // what is remembered may be old
    return locate();
  }

  #tableProcedure(method: string, table: string, deadline: number): Promise<void> {
    const encode = (out: ProtoWriter, nonce: Nonce) => {
      writeTableName(out, 1, table);
      writeNonce(out, 2, nonce);
    };
    return this.#procedure(method, table, encode, deadline);
  }

  async #procedure(
    method: string,
    table: string,
    encode: (out: ProtoWriter, nonce: Nonce) => void,
    deadline: number,
  ): Promise<void> {
    try {
      await this.#master.procedure(method, encode, deadline);
    } finally {
      this.#cluster.locator.forget(table);
    }
  }
}

function writeNonce(out: ProtoWriter, field: number, { group, nonce }: Nonce): void {
  out.long(field, group);
  out.long(field + 1, nonce);
}

function writeEncodedName(out: ProtoWriter, field: number, region: RegionLocation): void {
  const specifier = out.open(field);
  out.uint(1, encodedNameType);
  out.text(2, encodedRegionName(region.name));
  out.close(specifier);
}

/** All values of one field up to the end of the window. */
function readAll<T>(reader: ProtoReader, field: number, read: () => T): T[] {
  const values: T[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === field) values.push(read());
    else reader.skip(tag);
  }
  return values;
}
