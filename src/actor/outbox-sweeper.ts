import type { RowSlice, RowStore } from '../row/row-store.ts';
import { jitteredMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';

export interface SweeperPorts {
  readonly store: RowStore;
  readonly time: Time;
  readonly random: () => number;
  /** Activates an entity, whose driver then works off what is owed; does nothing for those of other nodes. */
  readonly wake: (entityId: string, deadline: number) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** Times in ms. */
export interface SweeperTiming {
  /** Between two turns through all rows. */
  readonly everyMs: number;
  /** After a page with something in it, so that what it woke settles before the next. */
  readonly pagePauseMs: number;
  /** For one read or one activation. */
  readonly deadlineMs: number;
}

const pageRows = 100;
/** Those whom somebody waits for have their turn in between: a store in memory answers without giving anybody one. */
const wokenAtOnce = 4;
const wokenPauseMs = 10;
/** After a start or take-over: what was sent ahead, and those whom somebody waits for, come into memory before. */
const firstMs = 1_000;
/** A page that failed is asked for again before long: until then nobody here knows what the former owner owed. */
const retryMaxMs = 10_000;
/**
 * From the first turn after a take-over to the second: what a former owner had under way has come to its row by then,
 * maybe after the first turn passed there. Also where a row could not be activated; twice as long each time.
 */
const againMs = 20_000;

/**
 * Finds rows that owe something to others and activates them, soon after a start or take-over and then in
 * slow rotation: nobody has to come back online for a repair (G5).
 */
export class OutboxSweeper {
  readonly #ports: SweeperPorts;
  readonly #timing: SweeperTiming;
  readonly #slice: RowSlice;
  #timer: Cancel | undefined;
  /** Of the turn that is on; a page of an earlier one begins no other. */
  #turn = 0;
  #isStopped = false;
  #failures = 0;
  /** A turn is about to begin. */
  #isBeginning = false;
  /** The next turn comes early. */
  #isAgain = false;
  #againInRow = 0;

  constructor(slice: RowSlice, ports: SweeperPorts, timing: SweeperTiming) {
    this.#slice = slice;
    this.#ports = ports;
    this.#timing = timing;
  }

  /** Begins a turn soon; called again after every take-over. */
  start(): void {
    // However often users are taken over: the turn that is about to begin passes by all of them.
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    this.#timer?.();
    this.#turn += 1;
    this.#isAgain = true;
    this.#againInRow = 0;
    this.#next(firstMs, undefined);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.();
  }

  #next(delayMs: number, after: string | undefined): void {
    if (this.#isStopped) return;
    const turn = this.#turn;
    this.#timer = this.#ports.time.after(
      jitteredMs(delayMs, this.#ports.random),
      () => void this.#page(after, turn),
    );
  }

  async #page(after: string | undefined, turn: number): Promise<void> {
    this.#isBeginning = false;
    try {
      const deadline = this.#ports.time.monotonicMs() + this.#timing.deadlineMs;
      const page = await this.#ports.store.scanOutbox(this.#slice, after, pageRows, deadline);
      await this.#wakeAll(page.entityIds);
      this.#failures = 0;
      if (turn !== this.#turn) return;
      const pauseMs = page.entityIds.length > 0 ? this.#timing.pagePauseMs : 0;
      this.#next(page.after === undefined ? this.#turnPauseMs() : pauseMs, page.after);
    } catch (error) {
      this.#ports.failed(error);
      if (turn !== this.#turn) return;
      this.#next(Math.min(retryMaxMs, 500 * 2 ** this.#failures++), after);
    }
  }

  #turnPauseMs(): number {
    const { everyMs } = this.#timing;
    this.#againInRow = this.#isAgain ? this.#againInRow + 1 : 0;
    this.#isAgain = false;
    return this.#againInRow === 0 ? everyMs : Math.min(everyMs, againMs * 2 ** (this.#againInRow - 1));
  }

  async #wakeAll(entityIds: readonly string[]): Promise<void> {
    for (let first = 0; first < entityIds.length && !this.#isStopped; first += wokenAtOnce) {
      const some = entityIds.slice(first, first + wokenAtOnce);
      await Promise.all(some.map((entityId) => this.#wake(entityId)));
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.time.after(wokenPauseMs, resolve);
    });
  }

  /** A row that can't be activated now is found again at the next turn. */
  async #wake(entityId: string): Promise<void> {
    try {
      await this.#ports.wake(entityId, this.#ports.time.monotonicMs() + this.#timing.deadlineMs);
    } catch (error) {
      this.#isAgain = true;
      this.#ports.failed(error);
    }
  }
}
