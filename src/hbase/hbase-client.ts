import { Batch } from './batch.ts';
import type { BatchUnit, UnitOutcome } from './batch.ts';
import type { Cell } from './cell.ts';
import { GetRequest } from './get-request.ts';
import type { Get } from './get-request.ts';
import { HBaseCluster } from './hbase-cluster.ts';
import { HBaseError } from './hbase-error.ts';
import type { HBaseOptions } from './hbase-options.ts';
import { MultiRequest } from './multi-request.ts';
import type { Action } from './multi-request.ts';
import { MutateRequest, checkPut } from './mutate-request.ts';
import type { Condition, DeletedColumn, Put } from './mutate-request.ts';
import { RegionCalls } from './region-calls.ts';
import type { RpcChannel } from './rpc-channel.ts';
import { ScanRun } from './scan-pages.ts';
import type { Scan, ScanPage } from './scan-pages.ts';
import { canonicalTableName } from './table-name.ts';

/** Puts and deletes of one row, applied together or not at all. */
export interface RowMutation {
  readonly row: Buffer;
  readonly put?: Put['cells'];
  readonly delete?: readonly DeletedColumn[];
}

/**
 * The data of an HBase 2 or 3 cluster. Safe to share: calls are pipelined over one connection a server.
 *
 * Tables are `table` or `namespace:table`. Deadlines are absolute, on the monotonic clock (`performance.now()`), and
 * always kept. Every method fails with {@link HBaseError} only; what its `code` says about a mutation can be relied on:
 * one whose answer was lost is never sent again from here but fails as `unknown_fate`.
 * Buffers that are handed in must not be changed before the call is settled; cells that come back share the memory of
 * the answer they came in: copy what is kept for long.
 */
export class HBaseClient {
  readonly #cluster: HBaseCluster;
  readonly #calls: RegionCalls;

  /** Connects to nothing yet. @throws HBaseError `refused` where an address makes no sense */
  constructor(options: HBaseOptions) {
    this.#cluster = new HBaseCluster(options);
    this.#calls = new RegionCalls(this.#cluster);
  }

  /** The cells of a row, by family and then qualifier, ascending; none where there is no such row. */
  get(table: string, get: Get, deadline: number): Promise<Cell[]> {
    return this.#calls.call(
      canonicalTableName(table),
      get.row,
      'repeatable',
      deadline,
      (region) => new GetRequest(region, get),
    );
  }

  /**
   * Many gets, one call for each server. Gets of the same row are answered by one call, in the order given and each
   * after the one before it; what one of them sees the next sees too.
   * @returns the cells of each get, in order
   * @throws HBaseError of one of those that failed
   */
  async multiGet(table: string, gets: readonly Get[], deadline: number): Promise<(readonly Cell[])[]> {
    const { units, places } = byRow(gets);
    const outcomes = await this.#batch(table, 'repeatable', units, deadline);
    const results = gets.map((): readonly Cell[] => []);
    outcomes.forEach((outcome, unit) => {
      if (outcome instanceof HBaseError) throw outcome;
      places[unit]?.forEach((place, i) => (results[place] = outcome[i] ?? []));
    });
    return results;
  }

  /** Writes cells of one row, atomically. */
  async put(table: string, put: Put, deadline: number): Promise<void> {
    await this.#mutate(table, put, undefined, deadline);
  }

  /** Writes cells of one row atomically if the condition holds. @returns whether it held and they were written */
  checkAndPut(table: string, put: Put, condition: Condition, deadline: number): Promise<boolean> {
    return this.#mutate(table, put, condition, deadline);
  }

  /**
   * Puts and deletes in one row, together, if the condition holds.
   * HBase stamps both with one time: of a column that is both put and deleted, the delete wins.
   * @returns whether it held and they were applied
   */
  async checkAndMutate(
    table: string,
    mutation: RowMutation,
    condition: Condition,
    deadline: number,
  ): Promise<boolean> {
    const { row } = mutation;
    const actions: Action[] = [];
    if (mutation.put?.length) actions.push({ kind: 'put', put: { row, cells: mutation.put } });
    if (mutation.delete?.length) actions.push({ kind: 'delete', row, columns: mutation.delete });
    if (actions.length === 0) throw new HBaseError('refused', 'a mutation needs a put or a delete');
    const answers = await this.#calls.call(
      canonicalTableName(table),
      row,
      'mutation',
      deadline,
      (region) => new MultiRequest([{ region, actions, condition: { row, is: condition } }]),
    );
    return answers[0]?.processed ?? false;
  }

  /**
   * Unconditional puts of many rows, one call for each server. Not atomic: each row by itself. A put that HBase refused
   * for the moment is made again, so one that fails part of the way may be applied more than once.
   * @throws HBaseError `unknown_fate` where that is true of one of them, else the first failure; others may be applied
   */
  async putAll(table: string, puts: readonly Put[], deadline: number): Promise<void> {
    puts.forEach(checkPut);
    const units = puts.map((put): BatchUnit => ({ row: put.row, actions: [{ kind: 'put', put }] }));
    const outcomes = await this.#batch(table, 'mutation', units, deadline);
    const failures = outcomes.filter((outcome) => outcome instanceof HBaseError);
    const worst = failures.find(({ code }) => code === 'unknown_fate') ?? failures[0];
    if (worst) throw worst;
  }

  /** Rows in order, at most `rowsMax`, fewer where they are large. Not a snapshot: rows are read as the scan gets there. */
  scan(table: string, scan: Scan, deadline: number): Promise<ScanPage> {
    return new ScanRun(this.#cluster, this.#calls, canonicalTableName(table), scan, deadline).page();
  }

  /** State and load of each connection, by service and address; for metrics. */
  channelStatus(): Map<string, RpcChannel['status']> {
    return this.#cluster.channelStatus();
  }

  /** Drops all connections; what is under way fails at once (mutations that were sent: `unknown_fate`). */
  close(): void {
    this.#cluster.close();
  }

  #mutate(table: string, put: Put, condition: Condition | undefined, deadline: number): Promise<boolean> {
    return this.#calls.call(
      canonicalTableName(table),
      put.row,
      'mutation',
      deadline,
      (region) => new MutateRequest(region, put, condition),
    );
  }

  #batch(
    table: string,
    effect: 'repeatable' | 'mutation',
    units: readonly BatchUnit[],
    deadline: number,
  ): Promise<UnitOutcome[]> {
    return new Batch(this.#cluster, this.#calls, {
      table: canonicalTableName(table),
      effect,
      deadline,
      units,
    }).run();
  }
}

/** Gathers the gets of each row into one unit; `places[u][i]` is where the i-th get of unit u was asked. */
function byRow(gets: readonly Get[]): { units: BatchUnit[]; places: number[][] } {
  const units: { row: Buffer; actions: Action[] }[] = [];
  const places: number[][] = [];
  const unitOfRow = new Map<string, number>();
  gets.forEach((get, place) => {
    const key = get.row.toString('latin1');
    let unit = unitOfRow.get(key);
    if (unit === undefined) {
      unit = units.length;
      unitOfRow.set(key, unit);
      units.push({ row: get.row, actions: [] });
      places.push([]);
    }
    units[unit]?.actions.push({ kind: 'get', get });
    places[unit]?.push(place);
  });
  return { units, places };
}
