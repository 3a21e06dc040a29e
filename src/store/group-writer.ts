import { StoreError } from '../row/row-store.ts';
import type { Cancel, Time } from '../std/time.ts';

export interface GroupWriterLimits {
  /** Writes that may wait for the next transaction; above it they are refused as `unavailable`. */
  readonly waitingMax: number;
  /** Writes in one transaction. */
  readonly groupMax: number;
}

export interface GroupWriterParts<Write> {
  /**
   * Carries out the writes in one durable transaction and tells for each, in order, whether it was applied.
   * Rejects with a StoreError where the whole transaction failed.
   */
  readonly transact: (writes: readonly Write[]) => Promise<readonly boolean[]>;
  readonly time: Time;
  readonly limits: GroupWriterLimits;
  /** Goes before all that wait, and is taken however many do; only for what is rare. */
  readonly isUrgent?: (write: Write) => boolean;
}

interface Waiting<Write> {
  readonly write: Write;
  readonly deadline: number;
  readonly resolve: (applied: boolean) => void;
  readonly reject: (error: StoreError) => void;
}

/** A transaction in flight. */
interface Flight<Write> {
  readonly group: readonly Waiting<Write>[];
  /** Resolves when it is done, or when nobody waits for it any longer. */
  readonly over: Promise<void>;
  readonly end: (nothing: undefined) => void;
}

const deadlineCheckMs = 20;

/**
 * Group commit: while one transaction is on its way to the disk, writes wait, and all of them go into the next
 * one; so the cost of a sync is shared, and grows no latency where nothing else is written.
 */
export class GroupWriter<Write> {
  readonly #transact: GroupWriterParts<Write>['transact'];
  readonly #time: Time;
  readonly #limits: GroupWriterLimits;
  readonly #isUrgent: (write: Write) => boolean;
  #waiting: Waiting<Write>[] = [];
  #flight: Flight<Write> | undefined;
  #running: Promise<void> | undefined;
  #cancelDeadlineCheck: Cancel | undefined;
  #closed = false;

  constructor(parts: GroupWriterParts<Write>) {
    this.#transact = parts.transact;
    this.#time = parts.time;
    this.#limits = parts.limits;
    this.#isUrgent = parts.isUrgent ?? (() => false);
  }

  /**
   * True when the write is applied and durable, false when its condition did not hold.
   * Rejects with StoreError: `unavailable` where it never began, `unknown_fate` where the deadline passed
   * in the middle, or what the transaction says.
   */
  write(write: Write, deadline: number): Promise<boolean> {
    if (this.#closed) return Promise.reject(new StoreError('unavailable', 'the store is closed'));
    const isUrgent = this.#isUrgent(write);
    if (!isUrgent && this.#waiting.length >= this.#limits.waitingMax) {
      const text = `${String(this.#limits.waitingMax)} commits wait for the disk already`;
      return Promise.reject(new StoreError('unavailable', text));
    }
    return new Promise((resolve, reject) => {
      const waiting = { write, deadline, resolve, reject };
      if (isUrgent) this.#waiting.unshift(waiting);
      else this.#waiting.push(waiting);
      this.#running ??= this.#run();
      this.#cancelDeadlineCheck ??= this.#time.after(deadlineCheckMs, this.#checkDeadlines);
    });
  }

  /** Undefined where a write begins at once; else resolves when what is in flight is done. */
  ready(): Promise<void> | undefined {
    return this.#flight?.over;
  }

  /** Refuses what waits, and resolves when what is in flight is done. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting) reject(new StoreError('unavailable', 'the store is closed'));
    this.#waiting = [];
    await this.#running;
    this.#cancelDeadlineCheck?.();
  }

  async #run(): Promise<void> {
    await this.#endOfTick();
    while (this.#waiting.length > 0) {
      const group =
        this.#waiting.length <= this.#limits.groupMax
          ? this.#waiting
          : this.#waiting.slice(0, this.#limits.groupMax);
      this.#waiting = group === this.#waiting ? [] : this.#waiting.slice(this.#limits.groupMax);
      const { promise: over, resolve: end } = Promise.withResolvers<undefined>();
      this.#flight = { group, over, end };
      await this.#commit(group);
      this.#flight = undefined;
      end(undefined);
      await this.#endOfTick();
    }
    this.#running = undefined;
  }

  /** What arrives in the rest of this tick belongs to the same transaction. */
  #endOfTick(): Promise<void> {
    return new Promise((resolve) => {
      this.#time.soon(resolve);
    });
  }

  async #commit(group: readonly Waiting<Write>[]): Promise<void> {
    try {
      const applied = await this.#transact(group.map(({ write }) => write));
      // Settling a promise twice does nothing: whoever was told that its deadline passed stays told so.
      for (const [i, { resolve }] of group.entries()) resolve(applied[i] === true);
    } catch (error) {
      const failure =
        error instanceof StoreError
          ? error
          : new StoreError('unknown_fate', 'the transaction failed in an unexpected way', { cause: error });
      for (const { reject } of group) reject(failure);
    }
  }

  readonly #checkDeadlines = (): void => {
    const now = this.#time.monotonicMs();
    for (const { deadline, reject } of this.#flight?.group ?? []) {
      if (deadline > now) continue;
      reject(new StoreError('unknown_fate', 'the disk did not answer in time'));
      this.#flight?.end(undefined);
    }
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    if (late.length > 0) {
      this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
      for (const { reject } of late) reject(new StoreError('unavailable', 'the disk is too slow'));
    }
    const idle = this.#waiting.length === 0 && this.#flight === undefined;
    this.#cancelDeadlineCheck = idle ? undefined : this.#time.after(deadlineCheckMs, this.#checkDeadlines);
  };
}
