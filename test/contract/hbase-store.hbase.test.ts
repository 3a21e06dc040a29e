import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import { rowKey } from '../../src/row/row-key.ts';
import { systemTime } from '../../src/std/time.ts';
import { HBaseSchema, defaultHBaseSchema } from '../../src/store/hbase-schema.ts';
import { HBaseTable, rowTableName } from '../../src/store/hbase-table.ts';
import { hbaseServers } from '../support/services.ts';
import { describeRowStore } from './row-store.contract.ts';

const namespace = `contract_${randomBytes(4).toString('hex')}`;
const patienceMs = 30_000;
const soon = (): number => systemTime.monotonicMs() + patienceMs;
const schemaOf = (admin: HBaseAdmin): HBaseSchema =>
  new HBaseSchema(admin, { ...defaultHBaseSchema, namespace, regionCount: 4 });

let admin: HBaseAdmin;
beforeAll(async () => {
  admin = new HBaseAdmin({ servers: hbaseServers() });
  await schemaOf(admin).apply(soon());
});
afterAll(async () => {
  const table = rowTableName(namespace);
  await admin.disableTable(table, soon());
  await admin.deleteTable(table, soon());
  await admin.deleteNamespace(namespace, soon());
  admin.close();
});

describe('schema of the tables in HBase', () => {
  it('changes nothing when it is applied again', async () => {
    expect(await schemaOf(admin).apply(soon())).toEqual([`table ${namespace}:rows is up to date`]);
  });

  it('shows regions, families and their settings', async () => {
    const lines = await schemaOf(admin).show(soon());
    expect(lines[0]).toBe(`table ${namespace}:rows: 4 regions, durability SYNC_WAL`);
    const dedup = 'VERSIONS 1, TTL 93600, BLOOMFILTER ROWCOL, BLOCKSIZE 16384, COMPRESSION NONE';
    expect(lines).toContain(`  family d: ${dedup}`);
    expect(lines.find((line) => line.startsWith('  family m'))).toContain('BLOOMFILTER ROW,');
    expect(lines).toHaveLength(6);
  });

  it('adds a family that is missing, and restores settings that were changed', async () => {
    const table = rowTableName(namespace);
    await admin.deleteFamily(table, 'l', soon());
    await admin.alterFamily(table, { name: 'm', blockBytes: 65_536 }, soon());
    expect(await schemaOf(admin).apply(soon())).toEqual(['altered family m', 'added family l']);
    expect(await schemaOf(admin).apply(soon())).toEqual([`table ${namespace}:rows is up to date`]);
  });

  it('says that a namespace has no table, and what to do', async () => {
    const client = new HBaseClient({ servers: hbaseServers() });
    const table = new HBaseTable(client, `${namespace}x`);
    const failure = table.versions(['u-1'], soon());
    await expect(failure).rejects.toMatchObject({ code: 'unavailable' });
    await expect(failure).rejects.toThrow('mailring schema apply');
    await table.close();
  });
});

describe('rows in HBase', () => {
  it('passes over auxiliary rows in the outbox scan, even a page full of them', async () => {
    const client = new HBaseClient({ servers: hbaseServers() });
    const table = new HBaseTable(client, namespace);
    const owed = { family: 'o', qualifier: Buffer.from('c'), value: Buffer.from('owed') };
    for (const suffix of ['\0a', '\0b', '\0c']) {
      const row = Buffer.concat([rowKey('u-aux'), Buffer.from(suffix)]);
      await client.put(rowTableName(namespace), { row, cells: [owed] }, soon());
    }
    await client.put(rowTableName(namespace), { row: rowKey('u-aux'), cells: [owed] }, soon());
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await table.scanOutbox({ fromHash: 0, toHash: 0x10000 }, after, 1, soon());
      found.push(...page.entityIds);
      after = page.after;
    } while (after !== undefined);
    expect(found).toEqual(['u-aux']);
    await table.close();
  });
});

describeRowStore({
  name: 'hbase',
  open: async () => new HBaseTable(new HBaseClient({ servers: hbaseServers() }), namespace),
  wideCells: 10_000,
  sequences: 15,
  patienceMs,
  remove: async () => undefined,
});
