/**
 * Commits a second, their latency and their CPU, for each store:
 *   node scripts/bench-store.ts [--store memory,lmdb,hbase] [--seconds 5] [--in-flight 1,64,256] [--json]
 *
 * Each commit is one conditional, durable write of three cells of 150 bytes (message, dedup, log) into a row of its
 * writer. The store lmdb writes to a new folder below the system's temporary folder (see TMPDIR: not a RAM disk);
 * hbase takes its servers from --hbase host:port,… and makes and drops a namespace of its own.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { HBaseAdmin } from '../src/hbase/hbase-admin.ts';
import { HBaseClient } from '../src/hbase/hbase-client.ts';
import type { Cell } from '../src/row/cell.ts';
import { RowVersionSource } from '../src/row/row-version.ts';
import type { RowVersion } from '../src/row/row-version.ts';
import { systemTime } from '../src/std/time.ts';
import { HBaseSchema, defaultHBaseSchema } from '../src/store/hbase-schema.ts';
import { HBaseTable, rowTableName } from '../src/store/hbase-table.ts';
import { LmdbTable } from '../src/store/lmdb-table.ts';
import { MemoryTable } from '../src/store/memory-table.ts';
import type { RowTable } from '../src/store/row-table.ts';
import { VersionedStore } from '../src/store/versioned-store.ts';

interface Options {
  readonly store: string;
  readonly seconds: string;
  readonly inFlight: string;
  readonly hbase: string;
  readonly json?: true;
}

interface Figures {
  readonly commitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** All threads of this process. */
  readonly cpuMicros: number;
}

interface Bench {
  readonly table: RowTable;
  readonly drop: () => Promise<void>;
}

const valueBytes = 150;
const warmUpMs = 1_000;
const callTimeoutMs = 30_000;
const soon = (): number => systemTime.monotonicMs() + callTimeoutMs;

function openLmdb(): Bench {
  const path = mkdtempSync(join(tmpdir(), 'mailring-bench-'));
  const onBackgroundError = (error: Error): void => {
    console.error(error);
  };
  return {
    table: new LmdbTable({ path, time: systemTime, onBackgroundError }),
    drop: async () => {
      rmSync(path, { recursive: true });
    },
  };
}

async function openHBase(servers: readonly string[]): Promise<Bench> {
  const namespace = `bench_${randomBytes(4).toString('hex')}`;
  const admin = new HBaseAdmin({ servers });
  await new HBaseSchema(admin, { ...defaultHBaseSchema, namespace, regionCount: 4 }).apply(soon());
  const drop = async (): Promise<void> => {
    await admin.disableTable(rowTableName(namespace), soon());
    await admin.deleteTable(rowTableName(namespace), soon());
    await admin.deleteNamespace(namespace, soon());
    admin.close();
  };
  return { table: new HBaseTable(new HBaseClient({ servers }), namespace), drop };
}

async function open(store: string, servers: readonly string[]): Promise<Bench> {
  switch (store) {
    case 'memory':
      return { table: new MemoryTable(systemTime), drop: async () => undefined };
    case 'lmdb':
      return openLmdb();
    case 'hbase':
      return openHBase(servers);
    default:
      throw new Error(`no such store: ${store}`);
  }
}

/** The cells of the n-th message of a row: messages sort newest first, the log is a ring. */
function messageCells(n: number): Cell[] {
  const message = Buffer.alloc(12, 1);
  message.writeDoubleBE(2 ** 40 - n, 4);
  const dedup = randomBytes(16);
  dedup.writeDoubleBE(systemTime.wallMs(), 0);
  const log = Buffer.alloc(4);
  log.writeUInt32BE(n % 1_000);
  const cell = (family: Cell['family'], qualifier: Buffer): Cell => ({
    family,
    qualifier,
    value: Buffer.alloc(valueBytes, n),
  });
  return [cell('m', message), cell('d', dedup), cell('l', log)];
}

async function measure(table: RowTable, inFlight: number, seconds: number): Promise<Figures> {
  const store = new VersionedStore({
    table,
    versions: new RowVersionSource(randomBytes(8)),
    time: systemTime,
    random: Math.random,
  });
  const stop = new AbortController();
  let latencies: number[] = [];
  const write = async (row: string): Promise<void> => {
    let base: RowVersion | undefined;
    for (let n = 1; !stop.signal.aborted; n++) {
      const begunMs = systemTime.monotonicMs();
      const outcome = await store.commit(row, { base, epoch: 1, cells: messageCells(n) }, soon());
      if (outcome.kind === 'conflict') throw new Error(`row ${row} has another writer`);
      base = outcome.version;
      latencies.push(systemTime.monotonicMs() - begunMs);
      // The memory store never waits, and would let no timer run.
      if (n % 100 === 0) await new Promise(setImmediate);
    }
  };
  const run = randomBytes(4).toString('hex');
  const writers = Promise.all(Array.from({ length: inFlight }, (_, i) => write(`u-${run}-${String(i)}`)));
  await Promise.race([writers, sleep(warmUpMs)]);
  latencies = [];
  const cpu = process.cpuUsage();
  const begunMs = systemTime.monotonicMs();
  await Promise.race([writers, sleep(seconds * 1_000)]);
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = systemTime.monotonicMs() - begunMs;
  const measured = latencies.toSorted((a, b) => a - b);
  stop.abort();
  await writers;
  const quantile = (q: number): number => rounded(measured[Math.floor(q * measured.length)] ?? 0);
  return {
    commitsPerSecond: Math.round((measured.length * 1_000) / tookMs),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuMicros: rounded((user + system) / measured.length),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Keeps the process alive, which systemTime's timers do not. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function bench(options: Options): Promise<void> {
  const figures: Record<string, Record<string, Figures>> = {};
  for (const store of options.store.split(',')) {
    const { table, drop } = await open(store, options.hbase.split(','));
    const ofStore: Record<string, Figures> = {};
    for (const inFlight of options.inFlight.split(',')) {
      const measured = await measure(table, Number(inFlight), Number(options.seconds));
      ofStore[inFlight] = measured;
      const { commitsPerSecond, cpuMicros, p50Ms, p99Ms } = measured;
      const line = `${store}, ${inFlight} in flight: ${String(commitsPerSecond)} commits/s, ${String(cpuMicros)} µs CPU each`;
      console.log(`${line}, p50 ${String(p50Ms)} ms, p99 ${String(p99Ms)} ms`);
    }
    figures[store] = ofStore;
    await table.close();
    await drop();
  }
  if (options.json) console.log(JSON.stringify(figures));
}

await new Command('bench-store')
  .description('commits a second, latency and CPU of each store')
  .option('--store <names>', 'memory, lmdb, hbase; several with commas', 'memory,lmdb')
  .option('--seconds <seconds>', 'how long each figure is measured', '5')
  .option('--in-flight <counts>', 'commits under way at a time; several with commas', '1,64,256')
  .option('--hbase <servers>', 'host:port,… of HBase', '127.0.0.1:16000')
  .option('--json', 'print all figures as the last line')
  .action(async (options: Options) => {
    await bench(options);
  })
  .parseAsync();
