import type { HBaseAdmin } from '../hbase/hbase-admin.ts';
import { HBaseError } from '../hbase/hbase-error.ts';
import { familySchema } from '../hbase/table-schema.ts';
import type { FamilySettings, TableSchema, TableSettings } from '../hbase/table-schema.ts';
import { dedupTimeToLiveMs, families } from '../row/cell.ts';
import type { Family } from '../row/cell.ts';
import { rowHashCount } from '../row/row-key.ts';
import { hbaseFailure } from './hbase-failure.ts';
import { rowTableName } from './hbase-table.ts';

export interface HBaseSchemaSettings {
  readonly namespace: string;
  /** Regions to begin with, 1..65536, of equal shares of the row hash; HBase splits them as they grow. */
  readonly regionCount: number;
  readonly compression: NonNullable<FamilySettings['compression']>;
  /** `SYNC_WAL`: durable is in the memory of the file system's nodes; `FSYNC_WAL`: on their disks. */
  readonly durability: NonNullable<TableSettings['durability']>;
}

export const defaultHBaseSchema: Omit<HBaseSchemaSettings, 'namespace'> = {
  regionCount: 16,
  compression: 'NONE',
  durability: 'SYNC_WAL',
};

/** The tables in HBase: makes them, brings them up to date, shows them. Rejects with StoreError. */
export class HBaseSchema {
  readonly #admin: HBaseAdmin;
  readonly #settings: HBaseSchemaSettings;
  readonly #table: string;

  constructor(admin: HBaseAdmin, settings: HBaseSchemaSettings) {
    this.#admin = admin;
    this.#settings = settings;
    this.#table = rowTableName(settings.namespace);
  }

  /** Makes what is missing and alters what differs; running it again changes nothing. @returns what was done, a line each */
  async apply(deadline: number): Promise<string[]> {
    try {
      const done = await this.#ensureNamespace(deadline);
      const schema = await this.#describe(deadline);
      const changes =
        schema === undefined ? await this.#create(deadline) : await this.#alter(schema, deadline);
      const lines = [...done, ...changes];
      return lines.length > 0 ? lines : [`table ${this.#table} is up to date`];
    } catch (error) {
      throw error instanceof HBaseError ? hbaseFailure(error) : error;
    }
  }

  /** @returns the table as it is, a line each */
  async show(deadline: number): Promise<string[]> {
    try {
      const schema = await this.#describe(deadline);
      if (schema === undefined) return [`table ${this.#table} is not there`];
      const regions = await this.#admin.regions(this.#table, deadline);
      const durability = schema.attributes.get('DURABILITY') ?? 'USE_DEFAULT';
      return [
        `table ${this.#table}: ${String(regions.length)} regions, durability ${durability}`,
        ...schema.families.map(({ name, attributes }) => {
          const shown = shownAttributes.map((key) => `${key} ${attributes.get(key) ?? 'default'}`);
          return `  family ${name}: ${shown.join(', ')}`;
        }),
      ];
    } catch (error) {
      throw error instanceof HBaseError ? hbaseFailure(error) : error;
    }
  }

  async #ensureNamespace(deadline: number): Promise<string[]> {
    const { namespace } = this.#settings;
    const present = await this.#admin.namespaces(deadline);
    if (present.includes(namespace)) return [];
    return this.#unlessPresent(`made namespace ${namespace}`, () =>
      this.#admin.createNamespace(namespace, deadline),
    );
  }

  #create(deadline: number): Promise<string[]> {
    const { regionCount, compression, durability } = this.#settings;
    const made = `made table ${this.#table} with ${String(regionCount)} regions`;
    return this.#unlessPresent(made, () =>
      this.#admin.createTable(
        {
          table: this.#table,
          families: families.map((family) => familyOf(family, compression)),
          splitKeys: splitKeys(regionCount),
          durability,
        },
        deadline,
      ),
    );
  }

  async #alter(schema: TableSchema, deadline: number): Promise<string[]> {
    const lines: string[] = [];
    for (const family of families) {
      const wanted = familyOf(family, this.#settings.compression);
      const present = schema.families.find(({ name }) => name === family);
      if (present === undefined) {
        await this.#admin.addFamily(this.#table, wanted, deadline);
        lines.push(`added family ${family}`);
      } else if (differs(wanted, present.attributes)) {
        await this.#admin.alterFamily(this.#table, wanted, deadline);
        lines.push(`altered family ${family}`);
      }
    }
    const durability = schema.attributes.get('DURABILITY') ?? 'SYNC_WAL';
    if (durability !== this.#settings.durability) {
      const wanted = this.#settings.durability;
      lines.push(
        `kept durability ${durability}, ${wanted} is wanted: alter '${this.#table}', DURABILITY => '${wanted}'`,
      );
    }
    return lines;
  }

  async #describe(deadline: number): Promise<TableSchema | undefined> {
    try {
      return await this.#admin.describeTable(this.#table, deadline);
    } catch (error) {
      if (error instanceof HBaseError && error.code === 'table_not_found') return undefined;
      throw error;
    }
  }

  /** Two nodes may apply the schema at once; whoever comes second has nothing to do. */
  async #unlessPresent(made: string, make: () => Promise<void>): Promise<string[]> {
    try {
      await make();
      return [made];
    } catch (error) {
      if (error instanceof HBaseError && error.code === 'already_exists') return [];
      throw error;
    }
  }
}

const shownAttributes = ['VERSIONS', 'TTL', 'BLOOMFILTER', 'BLOCKSIZE', 'COMPRESSION'];

function familyOf(name: Family, compression: HBaseSchemaSettings['compression']): FamilySettings {
  return {
    name,
    versionsMax: 1,
    // ROWCOL serves gets of single columns only, and only `d` has those.
    bloomFilter: name === 'd' ? 'ROWCOL' : 'ROW',
    blockBytes: 16 * 1024,
    compression,
    ...(name === 'd' && { timeToLiveSeconds: dedupTimeToLiveMs / 1_000 }),
  };
}

function differs(wanted: FamilySettings, present: ReadonlyMap<string, string>): boolean {
  return [...familySchema(wanted).attributes].some(([key, value]) => present.get(key) !== value);
}

/** The first rows of all regions but the first. */
function splitKeys(regionCount: number): Buffer[] {
  return Array.from({ length: regionCount - 1 }, (_, i) => {
    const hash = Math.floor(((i + 1) * rowHashCount) / regionCount);
    return Buffer.of(hash >>> 8, hash & 0xff);
  });
}
