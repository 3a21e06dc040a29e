import type { Get } from '../../src/hbase/get-request.ts';
import type { Cell } from '../../src/hbase/cell.ts';
import type { Row, Scan } from '../../src/hbase/scan-pages.ts';
import { parseHead } from './chain-writer.ts';
import { ChaosWorker } from './chaos-worker.ts';
import { family, valueQualifier } from './chaos-table.ts';
import { writerOf } from './write-ledger.ts';
import type { PutRecord } from './write-ledger.ts';

const multiGetRows = 10;
const scanRows = 60;

/** R1: what was acknowledged before a read began has to be in it. Reads in every way the client knows. */
export class RowReader extends ChaosWorker {
  async step(): Promise<void> {
    const { random, ledger } = this.parts;
    if (ledger.ackedPuts.length === 0 || ledger.chainRows.length === 0) return;
    const way = random.below(4);
    if (way === 0) await this.#getPut(this.#pickPut());
    else if (way === 1) await this.#getHead(random.pick(ledger.chainRows));
    else if (way === 2) await this.#multiGet(Array.from({ length: multiGetRows }, () => this.#pickPut()));
    else await this.#scan(this.#pickPut(), random.chance(0.5));
  }

  /** Half of them among the newest: these are the ones that a failing server would lose. */
  #pickPut(): PutRecord {
    const { random, ledger } = this.parts;
    const acked = ledger.ackedPuts;
    return random.pick(random.chance(0.5) ? acked.slice(-500) : acked);
  }

  async #getPut(record: PutRecord): Promise<void> {
    const { client, table, watch } = this.parts;
    const deadline = this.drawDeadline();
    const label = { slice: record.row.slice(0, 1), what: 'get' };
    const result = await watch.read(label, deadline, () => client.get(table, valueOf(record.row), deadline));
    if (result.kind === 'ok') this.#expectPut('get', record, result.value);
  }

  async #getHead(row: string): Promise<void> {
    const { client, table, watch, ledger, violations } = this.parts;
    const floor = ledger.floorOf(row);
    const deadline = this.drawDeadline();
    const label = { slice: row.slice(0, 1), what: 'get' };
    const result = await watch.read(label, deadline, () => client.get(table, valueOf(row), deadline));
    if (result.kind === 'failed') return;
    const text = result.value[0]?.value.toString();
    const version = text === undefined ? 0 : parseHead(text).version;
    if (version < floor) {
      violations.add('R1', `version ${version} of ${row} was read after ${floor} had been acknowledged`);
    }
  }

  async #multiGet(records: readonly PutRecord[]): Promise<void> {
    const { client, table, watch, violations } = this.parts;
    const deadline = this.drawDeadline();
    const gets = records.map(({ row }) => valueOf(row));
    const label = { slice: 'several', what: 'multiGet' };
    const result = await watch.read(label, deadline, () => client.multiGet(table, gets, deadline));
    if (result.kind === 'failed') return;
    if (result.value.length !== gets.length) {
      violations.add('R1', `multiGet of ${gets.length} rows answered ${result.value.length}`);
    }
    records.forEach((record, i) => this.#expectPut('multiGet', record, result.value[i] ?? []));
  }

  #expectPut(what: string, { row, value }: PutRecord, cells: readonly Cell[]): void {
    const found = cells.map((cell) => cell.value.toString());
    this.parts.violations.expectEqual('R1', `${what} of the acknowledged ${row}`, found, [value]);
  }

  /** A stretch of one writer's rows, upwards or downwards. */
  async #scan(from: PutRecord, reversed: boolean): Promise<void> {
    const { client, table, watch, ledger } = this.parts;
    const prefix = writerOf(from.row);
    const acked = ledger.ackedOfWriter(prefix);
    const known = acked.length;
    const deadline = this.drawDeadline();
    const scan: Scan = {
      startRow: Buffer.from(from.row),
      stopRow: Buffer.from(reversed ? prefix : `${prefix}~`),
      reversed,
      rowsMax: scanRows,
    };
    const label = { slice: from.row.slice(0, 1), what: 'scan' };
    const result = await watch.read(label, deadline, () => client.scan(table, scan, deadline));
    if (result.kind === 'failed') return;
    const { rows, more } = result.value;
    const last = more ? rows.at(-1)?.row.toString() : undefined;
    const isPassed = (row: string): boolean =>
      reversed
        ? row <= from.row && (last === undefined || row >= last)
        : row >= from.row && (last === undefined || row <= last);
    const expected = acked.slice(0, known).filter(({ row }) => isPassed(row));
    this.#expectRows(rows, expected, reversed);
  }

  #expectRows(rows: readonly Row[], expected: readonly PutRecord[], reversed: boolean): void {
    const { violations, ledger } = this.parts;
    const found = new Map<string, string>();
    let before: string | undefined;
    for (const { row, cells } of rows) {
      const key = row.toString();
      const inOrder = before === undefined || (reversed ? key < before : key > before);
      if (!inOrder) violations.add('R1', `a scan gave ${key} after ${String(before)}`);
      before = key;
      found.set(key, cells.map((cell) => cell.value.toString()).join());
      const record = ledger.puts.get(key);
      if (record?.value !== found.get(key)) violations.add('R1', `a scan gave a row nobody wrote: ${key}`);
    }
    for (const { row } of expected) {
      if (!found.has(row)) violations.add('R1', `a scan left out the acknowledged ${row}`);
    }
  }
}

function valueOf(row: string): Get {
  return { row: Buffer.from(row), columns: [{ family, qualifiers: [valueQualifier] }] };
}
