import { setTimeout as delay } from 'node:timers/promises';
import type { DistributedHBase } from '../../cluster/hbase/distributed-hbase.ts';
import { HBaseAdmin } from '../../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../../src/hbase/hbase-client.ts';
import type { Time } from '../../src/std/time.ts';
import { SeededRandom } from '../replay/seeded-random.ts';
import { ViolationList } from '../replay/violation-list.ts';
import { CallWatch } from './call-watch.ts';
import { ChainWriter } from './chain-writer.ts';
import { chainRow, chaosTable, slices } from './chaos-table.ts';
import { timeoutMsMax } from './chaos-worker.ts';
import type { ChaosWorker } from './chaos-worker.ts';
import { ClusterHealth } from './cluster-health.ts';
import { FaultInjector, faultKinds, shuffled } from './fault-injector.ts';
import type { FaultKind } from './fault-injector.ts';
import { checkHistory } from './history-checker.ts';
import { ProgressLine } from './progress-line.ts';
import { PutWriter } from './put-writer.ts';
import { RowReader } from './row-reader.ts';
import { countWrites, readTableImage } from './table-image.ts';
import { WriteLedger } from './write-ledger.ts';

export interface ChaosRunOptions {
  /** Running. */
  readonly hbase: DistributedHBase;
  /** Each fault once a round. */
  readonly rounds: number;
  readonly seed: number;
  readonly time: Time;
  readonly onProgress: (line: string) => void;
}

export interface ChaosReport {
  readonly faults: number;
  /** Writes that were acknowledged, by calls. */
  readonly acked: number;
  /** Writes that definitely failed. */
  readonly failed: number;
  /** Writes of which the client could not tell. */
  readonly unknown: number;
  readonly violations: number;
}

export interface FaultGap {
  readonly kind: FaultKind;
  /** The longest time in which no write of some sixteenth of the keys was answered. */
  readonly gapMs: number;
}

const writersPerSlice = 4; // times 16 slices: 64
const readers = 8;
const pauseMs = 40;
const tableName = 'chaos';
const adminTimeoutMs = 60_000;
const warmUpMs = 4000;
const calmMs = 3000;
const healthyTimeoutMs = 120_000;
/** How soon after the cluster is well every slice has to have seen an answer: the longest back-off, and some time to work. */
const recoveryTimeoutMs = 10_000;
const pollMs = 100;
const hangGraceMs = 2000;
/** Puts whose versions are counted in the end. */
const countedPutsMax = 20_000;

/** Load, one fault after the other, and the verdict. */
export class ChaosRun {
  readonly violations = new ViolationList();
  readonly gaps: FaultGap[] = [];
  readonly watch: CallWatch;
  readonly ledger = new WriteLedger();
  readonly #options: ChaosRunOptions;
  readonly #random: SeededRandom;
  readonly #admin: HBaseAdmin;
  readonly #client: HBaseClient;

  constructor(options: ChaosRunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.watch = new CallWatch(options.time, this.violations);
    const servers = { servers: options.hbase.servers };
    this.#admin = new HBaseAdmin(servers);
    this.#client = new HBaseClient(servers);
  }

  /** @throws Error where the run as such cannot go on */
  async run(): Promise<ChaosReport> {
    const { time, rounds } = this.#options;
    const progress = new ProgressLine(this.watch, time, this.#options.onProgress);
    const faults = Array.from({ length: rounds }, () => shuffled(faultKinds, this.#random)).flat();
    try {
      await this.#admin.createTable(chaosTable(tableName), time.monotonicMs() + adminTimeoutMs);
      const workers = this.#workers();
      progress.start('warm up');
      const running = Promise.all(workers.map((worker) => worker.run()));
      running.catch(() => undefined); // awaited below, after the faults
      await delay(warmUpMs);
      for (const kind of faults) await this.#inflict(kind, progress);
      await this.#wind(workers, running);
      progress.stop();
      await this.#check();
    } finally {
      progress.stop();
      this.#client.close();
      this.#admin.close();
    }
    const { acked, failed, unknown } = this.watch.counts;
    return { faults: faults.length, acked, failed, unknown, violations: this.violations.count };
  }

  #workers(): ChaosWorker[] {
    const { seed, time } = this.#options;
    let count = 0;
    const parts = () => ({
      client: this.#client,
      table: tableName,
      watch: this.watch,
      ledger: this.ledger,
      violations: this.violations,
      time,
      random: new SeededRandom(seed * 1000 + ++count),
      pauseMs,
    });
    const writers = slices.flatMap((slice, at) =>
      Array.from({ length: writersPerSlice }, (_, i): ChaosWorker => {
        const name = `w${slice}${i}`;
        if (i < 2) return new PutWriter(parts(), slice, name);
        const shared = at % 2 === 1;
        const row = chainRow(slice, shared ? 'shared' : name);
        return new ChainWriter(parts(), { slice, row, name, shared });
      }),
    );
    return [...writers, ...Array.from({ length: readers }, () => new RowReader(parts()))];
  }

  async #inflict(kind: FaultKind, progress: ProgressLine): Promise<void> {
    const { hbase, time, onProgress } = this.#options;
    const injector = new FaultInjector({
      hbase,
      admin: this.#admin,
      table: tableName,
      random: this.#random,
      time,
    });
    const health = new ClusterHealth({ servers: hbase.servers }, this.#admin, tableName, time);
    const startMs = time.monotonicMs();
    progress.phase = kind;
    this.watch.beginGap();
    const done = await injector.inflict(kind);
    await health.wait(healthyTimeoutMs);
    const healthyMs = time.monotonicMs();
    await this.#expectRecovery(kind, healthyMs);
    const gapMs = Math.round(this.watch.longestGapMs(slices));
    this.gaps.push({ kind, gapMs });
    onProgress(
      `${kind} ${done}: healthy after ${seconds(healthyMs - startMs)}, longest gap ${seconds(gapMs)}`,
    );
    progress.phase = `after ${kind}`;
    await delay(calmMs);
  }

  /** D2: once the cluster is well, the client that lived through it has to find its way in every slice. */
  async #expectRecovery(kind: FaultKind, healthyMs: number): Promise<void> {
    const { time } = this.#options;
    const dead = (): string[] => slices.filter((slice) => this.watch.lastAckMs(slice) < healthyMs);
    while (dead().length > 0) {
      if (time.monotonicMs() > healthyMs + recoveryTimeoutMs) {
        const where = dead().join(', ');
        this.violations.add(
          'D2',
          `${recoveryTimeoutMs} ms after all was well (${kind}) no answer in slices ${where}`,
        );
        return;
      }
      await delay(pollMs);
    }
  }

  /** Ends the load; whatever does not end with its deadline hangs. */
  async #wind(workers: readonly ChaosWorker[], running: Promise<unknown>): Promise<void> {
    for (const worker of workers) worker.stop();
    const ended = await Promise.race([
      running.then(() => true),
      delay(timeoutMsMax + hangGraceMs, false, { ref: false }),
    ]);
    if (!ended) this.violations.add('D2', `${this.watch.open} calls are still open at the end`);
    this.watch.expectNoHang();
  }

  async #check(): Promise<void> {
    const { hbase, time, onProgress } = this.#options;
    const servers = { servers: hbase.servers };
    const reader = new HBaseClient(servers);
    try {
      const image = await readTableImage(reader, tableName, time);
      const single = [...this.ledger.puts.values()].filter((put) => put.single);
      const counted = shuffled(single, this.#random).slice(0, countedPutsMax);
      await countWrites(
        servers,
        tableName,
        counted.map(({ row }) => row),
        image,
      );
      onProgress(
        `read back ${image.puts.size} puts and ${image.chains.size} chains, counted the writes of ${counted.length}`,
      );
      checkHistory(this.ledger, image, this.violations);
    } finally {
      reader.close();
    }
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
