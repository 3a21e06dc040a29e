import type { EnvelopePort } from '../../src/actor/mailbox-host.ts';
import type { Envelope, EnvelopeReply } from '../../src/mailbox/envelope.ts';
import type { Cell, CellRange } from '../../src/row/cell.ts';
import type { OutboxPage, RowImage, RowSlice } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { Cancel, Time } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';

/** How long one way takes, ms; asked anew for each. */
export type Delay = () => number;

const instantly: Delay = () => 0;

/**
 * One life of a process: what runs in it sees the world through here, and after `kill` nothing it started goes on,
 * as after kill -9: no timer fires, no answer arrives. What it had sent by then still lands.
 */
export class MortalProcess {
  /** Resolves when the process is killed. */
  readonly death: Promise<void>;
  readonly #time: Time;
  #isDead = false;
  #die: () => void = () => undefined;

  constructor(time: Time) {
    this.#time = time;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  kill(): void {
    this.#isDead = true;
    this.#die();
  }

  readonly time: Time = {
    wallMs: () => this.#time.wallMs(),
    monotonicMs: () => this.#time.monotonicMs(),
    after: (delayMs, run): Cancel => this.#time.after(delayMs, () => this.#ifAlive(run)),
    soon: (run) => {
      this.#time.soon(() => this.#ifAlive(run));
    },
  };

  /** The table as this process reaches it: calls and answers take `delay`, and end with its life. */
  table(table: RowTable, delay: Delay = instantly): RowTable {
    const call = <T>(carryOut: () => Promise<T>): Promise<T> => this.#far(carryOut, delay);
    return {
      read: (entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> =>
        call(() => table.read(entityId, ranges, deadline)),
      compareAndPut: (
        entityId: string,
        base: RowVersion | undefined,
        next: RowVersion,
        cells: readonly Cell[],
        deadline: number,
      ): Promise<boolean> => call(() => table.compareAndPut(entityId, base, next, cells, deadline)),
      ready: () => table.ready?.(),
      versions: (entityIds: readonly string[], deadline: number) =>
        call(() => table.versions(entityIds, deadline)),
      scanOutbox: (
        slice: RowSlice,
        after: string | undefined,
        limit: number,
        deadline: number,
      ): Promise<OutboxPage> => call(() => table.scanOutbox(slice, after, limit, deadline)),
      close: () => Promise.resolve(),
    };
  }

  /** Envelopes that take `delay` on each way. */
  envelopes(port: EnvelopePort, delay: Delay = instantly): EnvelopePort {
    return {
      request: (to: string, envelope: Envelope, deadline: number): Promise<EnvelopeReply> =>
        this.#far(() => port.request(to, envelope, deadline), delay),
    };
  }

  #ifAlive(run: () => void): void {
    if (!this.#isDead) run();
  }

  async #far<T>(carryOut: () => Promise<T>, delay: Delay): Promise<T> {
    await this.#unlessDead(undefined);
    await this.#way(delay());
    try {
      const result = await carryOut();
      await this.#way(delay());
      return await this.#unlessDead(result);
    } catch (error) {
      await this.#unlessDead(undefined);
      throw error;
    }
  }

  #unlessDead<T>(result: T): T | Promise<never> {
    return this.#isDead ? never() : result;
  }

  #way(delayMs: number): Promise<void> | undefined {
    if (delayMs <= 0) return undefined;
    return new Promise((resolve) => {
      this.#time.after(delayMs, resolve);
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
