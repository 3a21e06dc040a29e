/** What each client under test does, and how it is measured: the same for all of them. */

export const operations = ['put', 'conditionalPut', 'get', 'wideGet'] as const;
export type Operation = (typeof operations)[number];

export interface Figures {
  readonly opsPerSecond: number;
  readonly p99Ms: number;
  /** CPU time of the client's process for each operation, user and system. */
  readonly cpuMicros: number;
}

/** Rows of 100-byte values; conditional puts compare and raise a version cell; one wide row, read 50 cells at a time. */
export const shape = {
  family: 'f',
  valueBytes: 100,
  rows: 4096,
  wideRow: 'wide',
  wideCells: 5000,
  wideGetCells: 50,
} as const;

export function rowKey(index: number): Buffer {
  const key = Buffer.alloc(12, 'r');
  key.writeUInt16BE((index * 40_503) & 0xffff, 0); // spread over the regions
  key.writeUInt32BE(index, 8);
  return key;
}

export function wideQualifier(index: number): Buffer {
  const qualifier = Buffer.alloc(8);
  qualifier.writeUInt32BE(index, 4);
  return qualifier;
}

export interface MeasureOptions {
  readonly inFlight: number;
  readonly seconds: number;
}

/**
 * Keeps `inFlight` operations going for some seconds.
 * @param operate does one operation; `worker` is its lane (0 to inFlight - 1), of which one is under way at a time
 */
export async function measure(
  operate: (worker: number, turn: number) => Promise<unknown>,
  { inFlight, seconds }: MeasureOptions,
): Promise<Figures> {
  const latencies: number[] = [];
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const end = started + seconds * 1000;
  const work = async (worker: number) => {
    for (let turn = 0; ; turn++) {
      const from = performance.now();
      if (from >= end) return;
      await operate(worker, turn);
      latencies.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)));
  const elapsedSeconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  return {
    opsPerSecond: Math.round(latencies.length / elapsedSeconds),
    p99Ms: rounded(latencies[Math.floor(latencies.length * 0.99)] ?? 0),
    cpuMicros: rounded((cpu.user + cpu.system) / Math.max(1, latencies.length)),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
