import { setTimeout as delay } from 'node:timers/promises';
import type { DistributedHBase } from '../../cluster/hbase/distributed-hbase.ts';
import type { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseError } from '../../src/hbase/hbase-error.ts';
import type { RegionLocation } from '../../src/hbase/region.ts';
import type { Time } from '../../src/std/time.ts';
import type { SeededRandom } from '../replay/seeded-random.ts';
import { splitPoints } from './chaos-table.ts';

export const faultKinds = [
  'split region',
  'merge regions',
  'move region',
  'move meta',
  'stop region server',
  'kill region server',
  'kill master',
  'restart ZooKeeper',
  'pause region server',
] as const;
export type FaultKind = (typeof faultKinds)[number];

const adminTimeoutMs = 60_000;
const pauseMs = 20_000;
const expelledTimeoutMs = 30_000;
const pollMs = 250;
/** At once, or when the others have long noticed. */
const absencesMs = [500, 12_000];

/** Does harm to a cluster, and undoes it. */
export class FaultInjector {
  readonly #hbase: DistributedHBase;
  readonly #admin: HBaseAdmin;
  readonly #table: string;
  readonly #random: SeededRandom;
  readonly #time: Time;

  constructor(parts: {
    readonly hbase: DistributedHBase;
    readonly admin: HBaseAdmin;
    readonly table: string;
    readonly random: SeededRandom;
    readonly time: Time;
  }) {
    this.#hbase = parts.hbase;
    this.#admin = parts.admin;
    this.#table = parts.table;
    this.#random = parts.random;
    this.#time = parts.time;
  }

  /** Resolves when what was broken is started again. @returns what exactly was done */
  async inflict(kind: FaultKind): Promise<string> {
    switch (kind) {
      case 'split region':
        return this.#split();
      case 'merge regions':
        return this.#merge();
      case 'move region':
        return this.#move(this.#random.pick(await this.#tableRegions()));
      case 'move meta':
        return this.#moveMeta();
      case 'stop region server':
        return this.#end(await this.#loadedServer(), 'SIGTERM');
      case 'kill region server':
        return this.#end(await this.#loadedServer(), 'SIGKILL');
      case 'kill master':
        return this.#end('master', 'SIGKILL');
      case 'restart ZooKeeper':
        return this.#restartZooKeeper();
      case 'pause region server':
        return this.#pause(await this.#loadedServer());
    }
  }

  #deadline(): number {
    return this.#time.monotonicMs() + adminTimeoutMs;
  }

  async #split(): Promise<string> {
    return firstAllowed(shuffled(await this.#tableRegions(), this.#random), async (region) => {
      const { startKey, endKey } = region.info;
      const points = splitPoints().filter(
        (point) => point.compare(startKey) > 0 && (endKey.length === 0 || point.compare(endKey) < 0),
      );
      const point = points[points.length >>> 1];
      if (point === undefined) throw new HBaseError('refused', 'the region is as small as it gets');
      await this.#admin.splitRegion(region, point, this.#deadline());
      return `at ${point.toString()} on ${region.server.address}`;
    });
  }

  async #merge(): Promise<string> {
    const regions = await this.#tableRegions();
    const pairs = regions.slice(1).map((second, i) => ({ first: regions[i] ?? second, second }));
    return firstAllowed(shuffled(pairs, this.#random), async ({ first, second }) => {
      await this.#admin.mergeRegions([first, second], this.#deadline());
      return `around ${second.info.startKey.toString()}, on ${first.server.address} and ${second.server.address}`;
    });
  }

  #tableRegions(): Promise<RegionLocation[]> {
    return this.#admin.regions(this.#table, this.#deadline());
  }

  async #moveMeta(): Promise<string> {
    const [meta] = await this.#admin.regions('hbase:meta', this.#deadline());
    if (meta === undefined) throw new Error('meta is nowhere');
    return this.#move(meta);
  }

  async #move(region: RegionLocation): Promise<string> {
    const servers = await this.#admin.regionServers(this.#deadline());
    const to = servers.find(({ port }) => port !== region.server.port);
    if (to === undefined) throw new Error('no other region server to move to');
    await this.#admin.moveRegion(region, to, this.#deadline());
    return `from ${region.server.address} to ${to.address}`;
  }

  async #end(process: string, signal: NodeJS.Signals): Promise<string> {
    const absenceMs = this.#random.pick(absencesMs);
    await this.#hbase.kill(process, signal);
    await delay(absenceMs);
    await this.#hbase.restart(process);
    return `${process} with ${signal}, started again after ${absenceMs} ms`;
  }

  async #restartZooKeeper(): Promise<string> {
    const signal: NodeJS.Signals = this.#random.chance(0.5) ? 'SIGTERM' : 'SIGKILL';
    await this.#hbase.kill('zookeeper', signal);
    await this.#hbase.restart('zookeeper');
    return `with ${signal}`;
  }

  async #pause(process: string): Promise<string> {
    this.#hbase.pause(process);
    await delay(pauseMs);
    this.#hbase.resume(process);
    // The others have taken it for dead: when it learns that, it ends itself.
    const deadline = this.#time.monotonicMs() + expelledTimeoutMs;
    while (this.#hbase.pid(process) !== undefined && this.#time.monotonicMs() < deadline) await delay(pollMs);
    const ended = this.#hbase.pid(process) === undefined;
    if (ended) await this.#hbase.restart(process);
    return `${process} for ${pauseMs} ms; it ${ended ? 'ended itself and was started again' : 'lived on'}`;
  }

  /** One that the seed chooses, unless it has none of the table's regions. */
  async #loadedServer(): Promise<string> {
    const processes = ['regionserver1', 'regionserver2'];
    const chosen = this.#random.pick(processes);
    const ports = new Set((await this.#tableRegions()).map(({ server }) => server.port));
    const hasRegions = (process: string): boolean => {
      const address = this.#hbase.servers[1 + processes.indexOf(process)];
      return ports.has(Number(address?.split(':')[1]));
    };
    return hasRegions(chosen) ? chosen : (processes.find(hasRegions) ?? chosen);
  }
}

/**
 * Tries one candidate after the other: a region that was cut or merged a moment ago cannot be so again, another one can.
 * @throws HBaseError the last refusal, where all are refused
 */
async function firstAllowed<Candidate>(
  candidates: readonly Candidate[],
  attempt: (candidate: Candidate) => Promise<string>,
): Promise<string> {
  let refusal: HBaseError | undefined;
  for (const candidate of candidates) {
    try {
      return await attempt(candidate);
    } catch (error) {
      if (!(error instanceof HBaseError) || error.code !== 'refused') throw error;
      refusal = error;
    }
  }
  throw refusal ?? new Error('the table has no region for this');
}

/** A copy in an order that the random sequence gives. */
export function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  return items
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
