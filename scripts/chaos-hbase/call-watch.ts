import { HBaseError } from '../../src/hbase/hbase-error.ts';
import type { Time } from '../../src/std/time.ts';
import type { ViolationList } from '../replay/violation-list.ts';

export type CallResult<T> =
  { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'failed'; readonly error: HBaseError };

/** Calls by how they ended. A conditional write that was refused its condition is `conflicts`. */
export interface CallCounts {
  acked: number;
  conflicts: number;
  failed: number;
  unknown: number;
  reads: number;
  failedReads: number;
}

/** Which slice a call concerns, and what it is, for messages. */
export interface CallLabel {
  readonly slice: string;
  readonly what: string;
}

/** How late a call may settle after its deadline: this process shares two cores with an HBase that is being killed. */
const graceMs = 1000;

/** Stands beside every call: counts, measures, and holds it to its deadline (D1) and to the client's error class (E1). */
export class CallWatch {
  readonly counts: CallCounts = {
    acked: 0,
    conflicts: 0,
    failed: 0,
    unknown: 0,
    reads: 0,
    failedReads: 0,
  };
  /** The longest time that a call settled after its deadline. */
  overrunMs = 0;
  readonly #time: Time;
  readonly #violations: ViolationList;
  readonly #failures = new Map<string, number>();
  readonly #lastAckMs = new Map<string, number>();
  readonly #open = new Set<CallLabel & { readonly deadline: number }>();
  #gapFromMs: number;
  #longestGapMs = 0;

  constructor(time: Time, violations: ViolationList) {
    this.#time = time;
    this.#violations = violations;
    this.#gapFromMs = time.monotonicMs();
  }

  /** A write: `true` counts as acknowledged, `false` as a conflict. */
  async write(
    label: CallLabel,
    deadline: number,
    call: () => Promise<boolean>,
  ): Promise<CallResult<boolean>> {
    const result = await this.#observe(label, deadline, call);
    if (result.kind === 'failed') {
      if (result.error.code === 'unknown_fate') this.counts.unknown++;
      else this.counts.failed++;
      return result;
    }
    if (result.value) this.counts.acked++;
    else this.counts.conflicts++;
    this.#acked(label.slice);
    return result;
  }

  async read<T>(label: CallLabel, deadline: number, call: () => Promise<T>): Promise<CallResult<T>> {
    const result = await this.#observe(label, deadline, call);
    if (result.kind === 'ok') this.counts.reads++;
    else this.counts.failedReads++;
    return result;
  }

  /** Calls that have not settled. */
  get open(): number {
    return this.#open.size;
  }

  /** Failures so far, by `what code`, the most frequent first. */
  failures(): [string, number][] {
    return [...this.#failures].sort(([, a], [, b]) => b - a);
  }

  /** D2: calls that are still open although their deadline has passed long ago. */
  expectNoHang(): void {
    const now = this.#time.monotonicMs();
    for (const { slice, what, deadline } of this.#open) {
      if (now <= deadline + graceMs) continue;
      const lateMs = Math.round(now - deadline);
      this.#violations.add('D2', `${what} in slice ${slice} hangs, ${lateMs} ms after its deadline`);
    }
  }

  /** When a write of the slice was last answered; -Infinity: never. */
  lastAckMs(slice: string): number {
    return this.#lastAckMs.get(slice) ?? -Infinity;
  }

  /** From here on gaps are measured anew. */
  beginGap(): void {
    this.#gapFromMs = this.#time.monotonicMs();
    this.#longestGapMs = 0;
  }

  /** The longest time since {@link beginGap} for which no write of some slice was answered. */
  longestGapMs(slices: readonly string[]): number {
    const now = this.#time.monotonicMs();
    const open = slices.map((slice) => now - Math.max(this.#gapFromMs, this.lastAckMs(slice)));
    return Math.max(this.#longestGapMs, ...open);
  }

  #acked(slice: string): void {
    const now = this.#time.monotonicMs();
    const gapMs = now - Math.max(this.#gapFromMs, this.lastAckMs(slice));
    this.#longestGapMs = Math.max(this.#longestGapMs, gapMs);
    this.#lastAckMs.set(slice, now);
  }

  async #observe<T>(label: CallLabel, deadline: number, call: () => Promise<T>): Promise<CallResult<T>> {
    const open = { ...label, deadline };
    this.#open.add(open);
    try {
      return { kind: 'ok', value: await call() };
    } catch (error) {
      if (!(error instanceof HBaseError)) {
        this.#violations.add('E1', `${label.what} failed with no HBaseError but ${String(error)}`);
        return { kind: 'failed', error: new HBaseError('unknown_fate', String(error), { cause: error }) };
      }
      const key = `${label.what} ${error.code}`;
      this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1);
      return { kind: 'failed', error };
    } finally {
      this.#open.delete(open);
      this.#expectInTime(label, deadline);
    }
  }

  #expectInTime({ slice, what }: CallLabel, deadline: number): void {
    const overrunMs = this.#time.monotonicMs() - deadline;
    this.overrunMs = Math.max(this.overrunMs, overrunMs);
    if (overrunMs > graceMs) {
      this.#violations.add(
        'D1',
        `${what} in slice ${slice} settled ${Math.round(overrunMs)} ms after its deadline`,
      );
    }
  }
}
