import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Cell } from '../../src/hbase/cell.ts';
import { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import { hbaseServers } from '../support/services.ts';

const bytes = (text: string) => Buffer.from(text);
const inMs = (ms = 30_000) => performance.now() + ms;
const shown = (cells: readonly Cell[]) =>
  cells.map((cell) => `${cell.family}:${cell.qualifier.toString()}=${cell.value.toString()}`);
const cellOf = (family: string, qualifier: string, value: string) => ({
  family,
  qualifier: bytes(qualifier),
  value: bytes(value),
});
const numbered = (i: number) => String(i).padStart(4, '0');
const failsAs = (code: string): unknown => expect.objectContaining({ name: 'HBaseError', code });

const run = `${process.pid}_${Date.now()}`;
let admin: HBaseAdmin;
let client: HBaseClient;
let table = '';
let tables = 0;

beforeAll(() => {
  admin = new HBaseAdmin({ servers: hbaseServers() });
  client = new HBaseClient({ servers: hbaseServers() });
});
afterAll(() => {
  client.close();
  admin.close();
});
beforeEach(async () => {
  table = `client_${run}_${tables++}`;
  const families = [
    { name: 'f', bloomFilter: 'ROW' as const, blockBytes: 16_384 },
    { name: 'g', bloomFilter: 'ROWCOL' as const, timeToLiveSeconds: 3600 },
  ];
  await admin.createTable({ table, families, splitKeys: [bytes('h'), bytes('p')] }, inMs());
});
afterEach(async () => {
  if ((await admin.tableState(table, inMs())) === 'enabled') await admin.disableTable(table, inMs());
  await admin.deleteTable(table, inMs());
});

describe('conditional puts', () => {
  const row = bytes('row');
  const put = (value: string) => ({
    row,
    cells: [cellOf('f', 'n', value), cellOf('f', 'x', value), cellOf('g', 'y', value)],
  });
  const when = (expected: string | undefined) => ({
    family: 'f',
    qualifier: bytes('n'),
    expected: expected === undefined ? undefined : bytes(expected),
  });

  it('apply to all families or to none', async () => {
    expect(await client.checkAndPut(table, put('1'), when(undefined), inMs())).toBe(true);
    expect(await client.checkAndPut(table, put('2'), when(undefined), inMs())).toBe(false);
    expect(await client.checkAndPut(table, put('2'), when('9'), inMs())).toBe(false);
    expect(shown(await client.get(table, { row }, inMs()))).toEqual(['f:n=1', 'f:x=1', 'g:y=1']);
    expect(await client.checkAndPut(table, put('2'), when('1'), inMs())).toBe(true);
    expect(shown(await client.get(table, { row }, inMs()))).toEqual(['f:n=2', 'f:x=2', 'g:y=2']);
  });

  it('of many writers: exactly one wins each round', async () => {
    for (let round = 0; round < 5; round++) {
      const expected = round === 0 ? undefined : String(round);
      const tries = Array.from({ length: 30 }, () =>
        client.checkAndPut(table, put(String(round + 1)), when(expected), inMs()),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    }
  });

  it('with deletes: both or neither', async () => {
    await client.put(table, put('1'), inMs());
    const mutation = {
      row,
      put: [cellOf('f', 'n', '2')],
      delete: [{ family: 'f', qualifier: bytes('x') }, { family: 'g' }],
    };
    expect(await client.checkAndMutate(table, mutation, when('9'), inMs())).toBe(false);
    expect(shown(await client.get(table, { row }, inMs()))).toEqual(['f:n=1', 'f:x=1', 'g:y=1']);
    expect(await client.checkAndMutate(table, mutation, when('1'), inMs())).toBe(true);
    expect(shown(await client.get(table, { row }, inMs()))).toEqual(['f:n=2']);
  });

  it('to a family that is not there, without cells, without a key: refused', async () => {
    const wrong = [
      { row, cells: [cellOf('zz', 'n', '1')] },
      { row, cells: [] },
      { row: bytes(''), cells: [cellOf('f', 'n', '1')] },
    ];
    for (const each of wrong) {
      await expect(client.checkAndPut(table, each, when(undefined), inMs())).rejects.toEqual(
        failsAs('refused'),
      );
      await expect(client.putAll(table, [each], inMs())).rejects.toEqual(failsAs('refused'));
    }
  });

  it('of a cell above the server’s limit: refused', async () => {
    const large = {
      row,
      cells: [{ family: 'f', qualifier: bytes('n'), value: Buffer.alloc(11 * 1024 * 1024) }],
    };
    await expect(client.put(table, large, inMs())).rejects.toEqual(failsAs('refused'));
  });
});

describe('gets of a wide row', () => {
  const row = bytes('wide');
  beforeEach(async () => {
    const cells = Array.from({ length: 500 }, (_, i) => cellOf('f', numbered(i), i % 2 === 0 ? `v${i}` : ''));
    await client.put(table, { row, cells: [...cells, cellOf('g', 'k', 'other')] }, inMs());
  });
  const read = async (selection: object) => shown(await client.get(table, { row, ...selection }, inMs()));

  it('a range has its start and not its end, in order', async () => {
    const columnRange = { from: bytes('0010'), to: bytes('0013') };
    expect(await read({ columns: [{ family: 'f' }], columnRange })).toEqual([
      'f:0010=v10',
      'f:0011=',
      'f:0012=v12',
    ]);
  });

  it('a limit counts what the range and the filter let through', async () => {
    const columnRange = { from: bytes('0101') };
    const selection = {
      columns: [{ family: 'f' }],
      columnRange,
      skipEmptyValues: true,
      cellsPerFamilyMax: 3,
    };
    expect(await read(selection)).toEqual(['f:0102=v102', 'f:0104=v104', 'f:0106=v106']);
  });

  it('single columns of two families', async () => {
    const columns = [
      { family: 'f', qualifiers: [bytes('0002'), bytes('none')] },
      { family: 'g', qualifiers: [bytes('k')] },
    ];
    expect(await read({ columns })).toEqual(['f:0002=v2', 'g:k=other']);
  });

  it('many gets of one row and of others, each with its own selection', async () => {
    const one = (from: string) => ({
      row,
      columns: [{ family: 'f' }],
      columnRange: { from: bytes(from) },
      cellsPerFamilyMax: 1,
    });
    const gets = [one('0004'), { row: bytes('absent') }, one('0008'), { row, columns: [{ family: 'g' }] }];
    const found = await client.multiGet(table, gets, inMs());
    expect(found.map(shown)).toEqual([['f:0004=v4'], [], ['f:0008=v8'], ['g:k=other']]);
  });

  it('a get of a wide row in pieces of a socket’s buffer and more', async () => {
    const cells = Array.from({ length: 300 }, (_, i) => cellOf('f', `z${numbered(i)}`, 'x'.repeat(3000)));
    await client.put(table, { row, cells }, inMs());
    const found = await client.get(table, { row, columnRange: { from: bytes('z') } }, inMs());
    expect(found.map(({ value }) => value.length)).toEqual(cells.map(() => 3000));
  });
});

describe('scans', () => {
  const rows = Array.from({ length: 900 }, (_, i) => `${'bkr'[i % 3] ?? ''}${numbered(i)}`).sort();
  beforeEach(async () => {
    const puts = rows.map((row, i) => ({
      row: bytes(row),
      cells: [cellOf('f', 'i', String(i)), cellOf('g', 'mark', i % 10 === 0 ? 'set' : '')],
    }));
    await client.putAll(table, puts, inMs());
  });

  async function scanAll(
    scan: Omit<Parameters<HBaseClient['scan']>[1], 'rowsMax'>,
    rowsMax = 100,
  ): Promise<string[]> {
    const found: string[] = [];
    let from: { startRow: Buffer; includeStartRow: boolean } | undefined;
    for (let more = true; more;) {
      const page = await client.scan(table, { ...scan, ...from, rowsMax }, inMs());
      expect(page.rows.length).toBeLessThanOrEqual(rowsMax);
      found.push(...page.rows.map(({ row }) => row.toString()));
      const last = page.rows.at(-1)?.row;
      if (last) from = { startRow: last, includeStartRow: false };
      more = page.more;
    }
    return found;
  }

  it.each([1000, 300, 299, 7])('over all regions by pages of %i', async (rowsMax) => {
    expect(await scanAll({}, rowsMax)).toEqual(rows);
  });

  it('reversed', async () => {
    expect(await scanAll({ reversed: true }, 77)).toEqual(rows.toReversed());
    const between = rows.filter((row) => row > 'h' && row <= 'k0100');
    expect(await scanAll({ reversed: true, startRow: bytes('k0100'), stopRow: bytes('h') })).toEqual(
      between.toReversed(),
    );
  });

  it('from a row (inclusive) to a row (exclusive), over the border of regions', async () => {
    const [start, stop] = ['b0450', 'k0100'];
    expect(await scanAll({ startRow: bytes(start), stopRow: bytes(stop) })).toEqual(
      rows.filter((row) => row >= start && row < stop),
    );
  });

  it('of one family, without empty values', async () => {
    const marked = rows.filter((_, i) => i % 10 === 0);
    expect(await scanAll({ columns: [{ family: 'g' }], skipEmptyValues: true }, 20)).toEqual(marked);
  });

  it('of rows that are larger than a page of bytes come whole', async () => {
    const small = new HBaseClient({ servers: hbaseServers(), limits: { scanPageBytesMax: 20_000 } });
    const cells = Array.from({ length: 50 }, (_, i) => cellOf('f', numbered(i), 'x'.repeat(1000)));
    for (const row of ['c1', 'c2', 'c3']) await client.put(table, { row: bytes(row), cells }, inMs());
    const sizes: number[] = [];
    let startRow: Buffer = bytes('c');
    for (let more = true; more;) {
      const page = await small.scan(
        table,
        { startRow, includeStartRow: false, stopRow: bytes('d'), rowsMax: 100 },
        inMs(),
      );
      sizes.push(...page.rows.map((row) => row.cells.length));
      startRow = page.rows.at(-1)?.row ?? startRow;
      more = page.more;
    }
    small.close();
    expect(sizes).toEqual([50, 50, 50]);
  });
});

describe('regions that change under a client', () => {
  async function everyRowIsRight(): Promise<void> {
    const rows = ['a', 'c', 'e', 'g', 'h', 'm', 'z'].map(bytes);
    await client.putAll(
      table,
      rows.map((row) => ({ row, cells: [cellOf('f', 'q', row.toString())] })),
      inMs(),
    );
    const found = await client.multiGet(
      table,
      rows.map((row) => ({ row })),
      inMs(),
    );
    expect(found.flatMap(shown)).toEqual(rows.map((row) => `f:q=${row.toString()}`));
    for (const row of rows)
      expect(shown(await client.get(table, { row }, inMs()))).toEqual([`f:q=${row.toString()}`]);
  }

  it('are found again after a split, a merge and a move', async () => {
    await everyRowIsRight();
    const [first] = await admin.regions(table, inMs());
    await admin.splitRegion(first!, bytes('d'), inMs());
    await everyRowIsRight();
    const split = await admin.regions(table, inMs());
    expect(split.map(({ info }) => info.startKey.toString())).toEqual(['', 'd', 'h', 'p']);
    await admin.mergeRegions(split.slice(2), inMs());
    await everyRowIsRight();
    const merged = await admin.regions(table, inMs());
    expect(merged.map(({ info }) => info.startKey.toString())).toEqual(['', 'd', 'h']);
    for (const server of await admin.regionServers(inMs()))
      await admin.moveRegion(merged[0]!, server, inMs());
    await everyRowIsRight();
  });

  it('conditional puts during a split: each acknowledged once', async () => {
    let splitting = true;
    const counts = await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        const row = bytes(`${String.fromCharCode(97 + writer)}-counter`);
        let applied = 0;
        while (splitting || applied < 5) {
          const condition = {
            family: 'f',
            qualifier: bytes('n'),
            expected: applied === 0 ? undefined : bytes(String(applied)),
          };
          const put = { row, cells: [cellOf('f', 'n', String(applied + 1))] };
          expect(await client.checkAndPut(table, put, condition, inMs())).toBe(true);
          applied += 1;
          if (writer === 0 && applied === 5) {
            const [first] = await admin.regions(table, inMs());
            await admin.splitRegion(first!, bytes('d'), inMs());
            splitting = false;
          }
        }
        return { row, applied };
      }),
    );
    for (const { row, applied } of counts) {
      expect(shown(await client.get(table, { row }, inMs()))).toEqual([`f:n=${applied}`]);
    }
  });

  it('disabled, truncated and deleted: said so, and at once', async () => {
    await everyRowIsRight();
    await admin.disableTable(table, inMs());
    expect(await admin.tableState(table, inMs())).toBe('disabled');
    const row = bytes('a');
    await expect(client.get(table, { row }, inMs())).rejects.toEqual(failsAs('table_disabled'));
    await expect(client.put(table, { row, cells: [cellOf('f', 'q', 'v')] }, inMs())).rejects.toEqual(
      failsAs('table_disabled'),
    );
    await admin.truncateTable(table, inMs());
    expect(await client.get(table, { row }, inMs())).toEqual([]);
    await everyRowIsRight();
    await expect(client.get(`${table}_none`, { row }, inMs())).rejects.toEqual(failsAs('table_not_found'));
  });
});

describe('HBaseAdmin', () => {
  it('describes what it made, and alters one thing of a family', async () => {
    const attribute = async (name: string) =>
      (await admin.describeTable(table, inMs())).families
        .find((family) => family.name === 'g')
        ?.attributes.get(name);
    expect([await attribute('TTL'), await attribute('BLOOMFILTER')]).toEqual(['3600', 'ROWCOL']);
    await admin.alterFamily(table, { name: 'g', timeToLiveSeconds: 60 }, inMs());
    expect([await attribute('TTL'), await attribute('BLOOMFILTER')]).toEqual(['60', 'ROWCOL']);
    await expect(admin.alterFamily(table, { name: 'zz' }, inMs())).rejects.toEqual(failsAs('not_found'));
  });

  it('adds and deletes families', async () => {
    await admin.addFamily(table, { name: 'new', bloomFilter: 'NONE' }, inMs());
    await client.put(table, { row: bytes('a'), cells: [cellOf('new', 'q', 'v')] }, inMs());
    await admin.deleteFamily(table, 'new', inMs());
    expect((await admin.describeTable(table, inMs())).families.map(({ name }) => name)).toEqual(['f', 'g']);
  });

  it('namespaces: made, used, listed, deleted', async () => {
    const namespace = `ns_${run}`;
    await admin.createNamespace(namespace, inMs());
    await expect(admin.createNamespace(namespace, inMs())).rejects.toEqual(failsAs('already_exists'));
    expect(await admin.namespaces(inMs())).toContain(namespace);
    const name = `${namespace}:t`;
    await admin.createTable({ table: name, families: [{ name: 'f' }], durability: 'FSYNC_WAL' }, inMs());
    expect((await admin.describeTable(name, inMs())).attributes.get('DURABILITY')).toBe('FSYNC_WAL');
    expect(await admin.tables(inMs())).toContain(name);
    await client.put(name, { row: bytes('a'), cells: [cellOf('f', 'q', 'v')] }, inMs());
    expect(shown(await client.get(name, { row: bytes('a') }, inMs()))).toEqual(['f:q=v']);
    await admin.disableTable(name, inMs());
    await admin.deleteTable(name, inMs());
    await admin.deleteNamespace(namespace, inMs());
    expect(await admin.namespaces(inMs())).not.toContain(namespace);
  });

  it('flushes a table, and turns the balancer off and on', async () => {
    const row = bytes('a');
    await client.put(table, { row, cells: [cellOf('f', 'q', 'v')] }, inMs());
    await admin.flushTable(table, inMs());
    expect(shown(await client.get(table, { row }, inMs()))).toEqual(['f:q=v']);
    const before = await admin.setBalancer(false, inMs());
    expect(await admin.setBalancer(before, inMs())).toBe(false);
  });

  it('says what is wrong', async () => {
    await expect(admin.createTable({ table, families: [{ name: 'f' }] }, inMs())).rejects.toEqual(
      failsAs('already_exists'),
    );
    await expect(admin.describeTable('nothing', inMs())).rejects.toEqual(failsAs('table_not_found'));
    await expect(admin.disableTable('nothing', inMs())).rejects.toEqual(failsAs('table_not_found'));
    await expect(admin.deleteTable(table, inMs())).rejects.toEqual(failsAs('refused'));
  });
});
