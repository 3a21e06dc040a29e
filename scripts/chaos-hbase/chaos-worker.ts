import { setTimeout as delay } from 'node:timers/promises';
import type { HBaseClient } from '../../src/hbase/hbase-client.ts';
import type { Time } from '../../src/std/time.ts';
import type { SeededRandom } from '../replay/seeded-random.ts';
import type { ViolationList } from '../replay/violation-list.ts';
import type { CallWatch } from './call-watch.ts';
import type { WriteLedger } from './write-ledger.ts';

/** What of the client is put to the test. */
export type ChaosClient = Pick<
  HBaseClient,
  'get' | 'multiGet' | 'put' | 'putAll' | 'checkAndPut' | 'checkAndMutate' | 'scan'
>;

export interface WorkerParts {
  readonly client: ChaosClient;
  readonly table: string;
  readonly watch: CallWatch;
  readonly ledger: WriteLedger;
  readonly violations: ViolationList;
  readonly time: Time;
  readonly random: SeededRandom;
  /** Between two steps, at least; up to twice as long. */
  readonly pauseMs: number;
}

/** Time that a call gets: too short for some faults, long enough for all. */
const timeoutsMs = [500, 2000, 5000, 15_000, 40_000];

/** Does its work step by step until it is told to stop. */
export abstract class ChaosWorker {
  protected readonly parts: WorkerParts;
  #stopped = false;

  constructor(parts: WorkerParts) {
    this.parts = parts;
  }

  /** Resolves after the step that is under way when {@link stop} is called. */
  async run(): Promise<void> {
    const { random, pauseMs } = this.parts;
    while (!this.#stopped) {
      await this.step();
      await delay(pauseMs * (1 + random.next()));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  abstract step(): Promise<void>;

  protected drawDeadline(): number {
    return this.parts.time.monotonicMs() + this.parts.random.pick(timeoutsMs);
  }
}

export const timeoutMsMax = Math.max(...timeoutsMs);
