import { operationNames } from './workload.ts';
import type { OperationName } from './workload.ts';

/** A short piece of load on one client. */
export interface Slice {
  readonly operation: OperationName;
  readonly inFlight: number;
  readonly seconds: number;
}

/** What it came to. */
export interface Figures {
  readonly opsPerSecond: number;
  readonly p99Ms: number;
  /** CPU time of the client's whole process for each operation, user and system. */
  readonly cpuMicros: number;
}

/** What a client's process does for each operation; `lane` is 0 to `inFlight` - 1, one is under way in each at a time. */
export type Operations = Readonly<Record<OperationName, (lane: number, turn: number) => Promise<unknown>>>;

/** A slice as the line that asks a client's process for it. */
export function sliceLine({ operation, inFlight, seconds }: Slice): string {
  return `${operation} ${inFlight} ${seconds}`;
}

/** @throws Error where the line is none of {@link sliceLine} */
export function parseSlice(line: string): Slice {
  const [name, inFlight, seconds] = line.split(' ');
  const operation = operationNames.find((known) => known === name);
  const slice = { inFlight: Number(inFlight), seconds: Number(seconds) };
  if (operation === undefined || !(slice.inFlight > 0) || !(slice.seconds > 0)) {
    throw new Error(`not a slice: ${line}`);
  }
  return { operation, ...slice };
}

/** Keeps `inFlight` operations going for some seconds. Rejects as soon as one of them does. */
export async function measureSlice(
  operate: (lane: number, turn: number) => Promise<unknown>,
  { inFlight, seconds }: Pick<Slice, 'inFlight' | 'seconds'>,
): Promise<Figures> {
  const latenciesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const begunMs = performance.now();
  const endMs = begunMs + seconds * 1000;
  const work = async (lane: number): Promise<void> => {
    for (let turn = 0; ; turn++) {
      const fromMs = performance.now();
      if (fromMs >= endMs) return;
      await operate(lane, turn);
      latenciesMs.push(performance.now() - fromMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, lane) => work(lane)));
  const elapsedSeconds = (performance.now() - begunMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  latenciesMs.sort((a, b) => a - b);
  return {
    opsPerSecond: latenciesMs.length / elapsedSeconds,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
    cpuMicros: (cpu.user + cpu.system) / Math.max(1, latenciesMs.length),
  };
}
