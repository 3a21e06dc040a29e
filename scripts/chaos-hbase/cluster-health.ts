import { setTimeout as delay } from 'node:timers/promises';
import type { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import { HBaseError } from '../../src/hbase/hbase-error.ts';
import type { HBaseOptions } from '../../src/hbase/hbase-options.ts';
import type { RegionLocation } from '../../src/hbase/region.ts';
import type { Time } from '../../src/std/time.ts';
import { family, probeRow, slices, valueQualifier } from './chaos-table.ts';

const regionServers = 2;
const probeTimeoutMs = 5000;
const pollMs = 500;

/**
 * Tells whether the cluster as such is well, with a client that knows nothing of the past: what a client under test
 * then cannot do is its own fault.
 */
export class ClusterHealth {
  readonly #options: HBaseOptions;
  readonly #admin: HBaseAdmin;
  readonly #table: string;
  readonly #time: Time;

  constructor(options: HBaseOptions, admin: HBaseAdmin, table: string, time: Time) {
    this.#options = options;
    this.#admin = admin;
    this.#table = table;
    this.#time = time;
  }

  /** Waits until all servers serve and every slice can be written and read. @throws Error at the time-out */
  async wait(timeoutMs: number): Promise<void> {
    const deadline = this.#time.monotonicMs() + timeoutMs;
    for (;;) {
      const complaint = await this.#complaint();
      if (complaint === undefined) return;
      if (this.#time.monotonicMs() > deadline)
        throw new Error(`the cluster is still ill after ${timeoutMs} ms: ${complaint}`);
      await delay(pollMs);
    }
  }

  async #complaint(): Promise<string | undefined> {
    const deadline = this.#time.monotonicMs() + probeTimeoutMs;
    const client = new HBaseClient(this.#options);
    try {
      const servers = await this.#admin.regionServers(deadline);
      if (servers.length !== regionServers) return `${servers.length} region servers`;
      const hole = holeIn(await this.#admin.regions(this.#table, deadline));
      if (hole !== undefined) return hole;
      await Promise.all(slices.map((slice) => this.#probe(client, slice, deadline)));
      return undefined;
    } catch (error) {
      if (error instanceof HBaseError) return `${error.code}: ${error.message}`;
      throw error;
    } finally {
      client.close();
    }
  }

  async #probe(client: HBaseClient, slice: string, deadline: number): Promise<void> {
    const row = Buffer.from(probeRow(slice));
    const value = Buffer.from(String(deadline));
    await client.put(this.#table, { row, cells: [{ family, qualifier: valueQualifier, value }] }, deadline);
    const [cell] = await client.get(this.#table, { row }, deadline);
    if (cell?.value.equals(value) !== true) throw new HBaseError('protocol', `the probe of ${slice} is lost`);
  }
}

/** Regions have to follow each other from the first row to the last. */
function holeIn(regions: readonly RegionLocation[]): string | undefined {
  let end: Buffer = Buffer.alloc(0);
  for (const { info } of regions) {
    if (!info.startKey.equals(end)) return `no region starts at ${end.toString()}`;
    end = info.endKey;
  }
  return regions.length === 0 || end.length > 0 ? `no region after ${end.toString()}` : undefined;
}
