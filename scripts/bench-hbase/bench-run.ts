import type { ClientProcess } from './client-process.ts';
import type { Figures } from './slice.ts';
import { clientNames, operationNames } from './workload.ts';
import type { ClientName, OperationName } from './workload.ts';

const inFlightCounts = [1, 64, 256] as const;
type InFlight = (typeof inFlightCounts)[number];

export type BenchReport = Record<OperationName, Record<InFlight, Record<ClientName, Figures>>>;

export interface BenchRunOptions {
  readonly clients: readonly ClientProcess[];
  /** Of each figure; in slices. */
  readonly seconds: number;
  /** For each client, before anything counts. */
  readonly warmUpSeconds: number;
  readonly onProgress: (line: string) => void;
}

const sliceSeconds = 1;
const warmUpInFlight = 64;

/**
 * Measures by slices of a second. The clients take turns, in an order that turns too, and the whole programme is gone
 * through again and again: what the machine or HBase does in the meantime happens to all of them. Each figure is the
 * median of its slices.
 */
export async function runBench(options: BenchRunOptions): Promise<BenchReport> {
  const { clients, seconds, onProgress } = options;
  await warmUp(options);
  const rounds = Math.max(1, Math.round(seconds / sliceSeconds));
  const slices = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round++) {
    onProgress(`round ${round + 1} of ${rounds}`);
    for (const operation of operationNames) {
      for (const inFlight of inFlightCounts) {
        for (const client of turned(clients, round)) {
          const figures = await client.measure({ operation, inFlight, seconds: seconds / rounds });
          const key = keyOf(operation, inFlight, client.name);
          slices.set(key, [...(slices.get(key) ?? []), figures]);
        }
      }
    }
  }
  return reportOf((operation, inFlight, client) =>
    medianOf(slices.get(keyOf(operation, inFlight, client)) ?? []),
  );
}

/** JVMs compile what runs often: the first half minute of load costs HBase several times the CPU. */
async function warmUp({ clients, warmUpSeconds, onProgress }: BenchRunOptions): Promise<void> {
  const rounds = Math.max(1, Math.round(warmUpSeconds / (operationNames.length * sliceSeconds)));
  for (let round = 0; round < rounds; round++) {
    onProgress(`warm-up ${round + 1} of ${rounds}`);
    for (const operation of operationNames) {
      for (const client of turned(clients, round)) {
        await client.measure({ operation, inFlight: warmUpInFlight, seconds: sliceSeconds });
      }
    }
  }
}

function turned<Item>(items: readonly Item[], by: number): Item[] {
  const first = by % Math.max(1, items.length);
  return [...items.slice(first), ...items.slice(0, first)];
}

function keyOf(operation: OperationName, inFlight: InFlight, client: ClientName): string {
  return `${operation} ${inFlight} ${client}`;
}

function reportOf(
  figures: (operation: OperationName, inFlight: InFlight, client: ClientName) => Figures,
): BenchReport {
  const byClient = (operation: OperationName, inFlight: InFlight): Record<ClientName, Figures> => ({
    ours: figures(operation, inFlight, 'ours'),
    java: figures(operation, inFlight, 'java'),
    hbaseRpcClient: figures(operation, inFlight, 'hbaseRpcClient'),
  });
  const byCount = (operation: OperationName): Record<InFlight, Record<ClientName, Figures>> => ({
    1: byClient(operation, 1),
    64: byClient(operation, 64),
    256: byClient(operation, 256),
  });
  return {
    put: byCount('put'),
    conditionalPut: byCount('conditionalPut'),
    get: byCount('get'),
    wideGet: byCount('wideGet'),
  };
}

function medianOf(slices: readonly Figures[]): Figures {
  return {
    opsPerSecond: rounded(slices.map(({ opsPerSecond }) => opsPerSecond)),
    p99Ms: rounded(slices.map(({ p99Ms }) => p99Ms)),
    cpuMicros: rounded(slices.map(({ cpuMicros }) => cpuMicros)),
  };
}

/** The median, to three digits or whole. */
function rounded(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >>> 1;
  const upper = sorted[half] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2;
  return median >= 100 ? Math.round(median) : Number(median.toPrecision(3));
}

/** A line for each operation and number in flight. */
export function tableOf(report: BenchReport): string[] {
  const head = [
    'operation',
    'in flight',
    ...clientNames.flatMap((name) => [`${name} op/s`, 'p99 ms', 'µs CPU']),
  ];
  const rows = operationNames.flatMap((operation) =>
    inFlightCounts.map((inFlight) => [
      operation,
      inFlight,
      ...clientNames.flatMap((name) => {
        const { opsPerSecond, p99Ms, cpuMicros } = report[operation][inFlight][name];
        return [opsPerSecond, p99Ms, cpuMicros];
      }),
    ]),
  );
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`);
}

/** What the client has promised, and whether it holds in this report. */
export function marksOf(report: BenchReport): string[] {
  const { ours } = report.conditionalPut[64];
  const marks = [
    mark(`${ours.cpuMicros} µs of CPU a conditional put at 64 in flight, 12 allowed`, ours.cpuMicros <= 12),
  ];
  for (const operation of operationNames) {
    for (const inFlight of inFlightCounts) {
      const { ours, java, hbaseRpcClient } = report[operation][inFlight];
      const speed = (ours.opsPerSecond / java.opsPerSecond).toFixed(2);
      const thrift = (hbaseRpcClient.cpuMicros / ours.cpuMicros).toFixed(1);
      const where = `${operation} at ${inFlight}:`;
      marks.push(
        mark(`${where} ${speed} times the operations of Java's client, 1 wanted`, Number(speed) >= 1),
      );
      marks.push(
        mark(`${where} ${thrift} times less CPU than hbase-rpc-client, 6 wanted`, Number(thrift) >= 6),
      );
    }
  }
  return marks;
}

function mark(text: string, holds: boolean): string {
  return `${holds ? 'yes' : 'NO '} ${text}`;
}
