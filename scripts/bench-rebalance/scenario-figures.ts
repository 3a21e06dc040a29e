import type { LedgerMessage } from './message-ledger.ts';

/** Milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** When things happened in a scenario, on the ledger's clock. */
export interface Timeline {
  /** From here on the load is measured. */
  readonly beginMs: number;
  /** The disturbance begins. */
  readonly disturbedMs: number;
  /** The load has ended, and everything was answered. */
  readonly endMs: number;
}

/** What the counters of all nodes did since the disturbance began, and what the clients saw of it. */
export interface Moves {
  /** Times a user came to be served by another node. */
  readonly userMoves: number;
  /** Users that moved, by index. */
  readonly moved: ReadonlySet<number>;
  /** Mailboxes that were read from the store. */
  readonly activations: number;
}

/** Of values in any order; all 0 of none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: rounded(at(0.5)), p99: rounded(at(0.99)), max: rounded(at(1)) };
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

const conversationOf = ({ from, to }: LedgerMessage): string => `${Math.min(from, to)}:${Math.max(from, to)}`;

/**
 * How long somebody waited: until the sender was answered and the recipient's device had it.
 * @param endMs for what never was
 */
function waitMs({ dueMs, ackedMs, deliveredMs }: LedgerMessage, endMs: number): number {
  return Math.max(ackedMs ?? endMs, deliveredMs ?? endMs) - dueMs;
}

/** How long messages waited that were due from one time until another. */
export function waits(messages: Iterable<LedgerMessage>, fromMs: number, untilMs: number): Spread {
  const all: number[] = [];
  for (const message of messages) {
    if (message.dueMs >= fromMs && message.dueMs < untilMs) all.push(waitMs(message, untilMs));
  }
  return spreadOf(all);
}

/** The longest wait that each conversation saw, of the messages that were due from one time until another. */
export function pauses(messages: Iterable<LedgerMessage>, fromMs: number, untilMs: number): Spread {
  const longest = new Map<string, number>();
  for (const message of messages) {
    if (message.dueMs < fromMs || message.dueMs >= untilMs) continue;
    const conversation = conversationOf(message);
    longest.set(conversation, Math.max(longest.get(conversation) ?? 0, waitMs(message, untilMs)));
  }
  return spreadOf([...longest.values()]);
}

/**
 * p99 of the time to the acknowledgement, of conversations whose users both stayed where they were: after the
 * disturbance began, against before. undefined where there are none.
 */
export function ackP99Ratio(
  messages: Iterable<LedgerMessage>,
  timeline: Timeline,
  moved: ReadonlySet<number>,
): number | undefined {
  const before: number[] = [];
  const after: number[] = [];
  for (const { from, to, dueMs, ackedMs } of messages) {
    if (dueMs < timeline.beginMs || moved.has(from) || moved.has(to)) continue;
    (dueMs < timeline.disturbedMs ? before : after).push((ackedMs ?? timeline.endMs) - dueMs);
  }
  if (before.length === 0 || after.length === 0) return undefined;
  return Math.round((spreadOf(after).p99 / Math.max(0.1, spreadOf(before).p99)) * 100) / 100;
}

/** Share of the moves that needed no read of the mailbox from the store; undefined where nobody moved. */
export function warmShare({ userMoves, activations }: Moves): number | undefined {
  if (userMoves === 0) return undefined;
  return Math.round(Math.max(0, 1 - activations / userMoves) * 1000) / 1000;
}

/** From a moment on until each of these users has had a message acknowledged that was due after it. */
export function takeoverMs(
  messages: Iterable<LedgerMessage>,
  users: ReadonlySet<number>,
  sinceMs: number,
): number | undefined {
  const first = new Map<number, number>();
  for (const { from, dueMs, ackedMs } of messages) {
    if (!users.has(from) || dueMs < sinceMs || ackedMs === undefined) continue;
    first.set(from, Math.min(first.get(from) ?? Infinity, ackedMs));
  }
  if (first.size < users.size) return undefined;
  return Math.round(Math.max(0, ...first.values()) - (users.size === 0 ? 0 : sinceMs));
}
