import type { Settings } from '../config/settings.ts';
import { HBaseAdmin } from '../hbase/hbase-admin.ts';
import { HBaseClient } from '../hbase/hbase-client.ts';
import type { HBaseOptions } from '../hbase/hbase-options.ts';
import type { StoreError } from '../row/row-store.ts';
import type { Time } from '../std/time.ts';
import { HBaseSchema } from './hbase-schema.ts';
import { HBaseTable } from './hbase-table.ts';
import { LmdbTable } from './lmdb-table.ts';
import { MemoryTable } from './memory-table.ts';
import type { RowTable } from './row-table.ts';

/** What the stores need besides their settings. */
export interface TablePorts {
  readonly time: Time;
  readonly random: () => number;
  /** Told of failures that no caller waits for. */
  readonly onBackgroundError: (error: StoreError) => void;
}

function hbaseOptions(settings: Settings, { time, random }: TablePorts): HBaseOptions {
  const { servers, inFlightMaxPerServer } = settings.hbase;
  return { servers, time, random, limits: { inFlightPerServerMax: inFlightMaxPerServer } };
}

/**
 * The backend that the settings name; `dataDir` is where the embedded one keeps its files.
 * @throws StoreError where it cannot be opened
 */
export function openTable(settings: Settings, dataDir: string, ports: TablePorts): RowTable {
  switch (settings.store.kind) {
    case 'memory':
      return new MemoryTable(ports.time);
    case 'lmdb':
      return new LmdbTable({ path: dataDir, time: ports.time, onBackgroundError: ports.onBackgroundError });
    case 'hbase':
      return new HBaseTable(new HBaseClient(hbaseOptions(settings, ports)), settings.hbase.namespace);
  }
}

/** Calls `act` with the schema of the HBase that the settings name, and closes the connection after it. */
export async function withHBaseSchema<Result>(
  settings: Settings,
  ports: TablePorts,
  act: (schema: HBaseSchema) => Promise<Result>,
): Promise<Result> {
  const { namespace, regionCount, compression, durability } = settings.hbase;
  const admin = new HBaseAdmin(hbaseOptions(settings, ports));
  try {
    return await act(new HBaseSchema(admin, { namespace, regionCount, compression, durability }));
  } finally {
    admin.close();
  }
}
