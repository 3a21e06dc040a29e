import type { FaultSpan } from './faults/fault-driver.ts';
import type { CallRecord, History } from './history.ts';

const answeredMs = 1_000;
/** What a fault leaves behind counts as its own for so long. */
const echoMs = 5_000;

/** What became of calls. */
interface Tally {
  /** Of calls, and of those that could not be made. */
  all: number;
  answered: number;
  /** While this fault was the only one. */
  aloneAll: number;
  aloneAnswered: number;
  /** Of messages: attempts to send by how they ended. */
  acked: number;
  failed: number;
  unknown: number;
}

/**
 * Which share of calls was answered within a second, by what was wrong when they were made. An error that says to try
 * again is no answer, and a call that could not be made for want of a connection had none.
 */
export class Availability {
  readonly #tallies = new Map<string, Tally>();

  add(history: History, spans: readonly FaultSpan[]): void {
    for (const call of history.allCalls()) {
      const { method, startMs, endMs, outcome } = call;
      // These are answered, or not, after they were redirected; or when there is something to tell.
      if (method === 'session.open' || method.startsWith('GET ')) continue;
      const isAnswer = outcome.kind === 'ok' || (outcome.kind === 'error' && !outcome.retryable);
      this.#count(spans, startMs, isAnswer && endMs - startMs <= answeredMs, call);
    }
    for (const atMs of history.unsentAtMs) this.#count(spans, atMs, false, undefined);
  }

  /** By kind of fault, `none` without one, `all` in all; from 0 to 1. */
  report(): Record<string, number> {
    return Object.fromEntries(
      this.#sorted().map(([kind, { answered, all }]) => [kind, shareOf(answered, all)]),
    );
  }

  /** The same with how sends ended, one line a kind of fault. */
  table(): string[] {
    const head = ['fault', 'share', 'alone', 'calls', 'acked', 'failed', 'unknown'];
    const rows = this.#sorted().map(([kind, tally]) => {
      const { all, answered, aloneAll, aloneAnswered, acked, failed, unknown } = tally;
      const alone = aloneAll === 0 ? '-' : shareOf(aloneAnswered, aloneAll).toFixed(3);
      return [kind, shareOf(answered, all).toFixed(3), alone, ...[all, acked, failed, unknown].map(String)];
    });
    return [head, ...rows].map((cells) =>
      cells.map((cell, place) => (place === 0 ? cell.padEnd(20) : cell.padStart(10))).join(''),
    );
  }

  #sorted(): [string, Tally][] {
    return [...this.#tallies].toSorted(([a], [b]) => a.localeCompare(b));
  }

  #count(spans: readonly FaultSpan[], atMs: number, isAnswered: boolean, call: CallRecord | undefined): void {
    const on = spans.filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs + echoMs);
    const kinds = new Set(on.map(({ kind }) => kind));
    for (const kind of ['all', ...(kinds.size === 0 ? ['none'] : kinds)]) {
      const tally = this.#tallyOf(kind);
      tally.all++;
      if (isAnswered) tally.answered++;
      if (kinds.size === 1) {
        tally.aloneAll++;
        if (isAnswered) tally.aloneAnswered++;
      }
      if (call?.method !== 'sendMessage') continue;
      if (call.outcome.kind === 'ok') tally.acked++;
      else if (call.outcome.kind === 'error') tally.failed++;
      else tally.unknown++;
    }
  }

  #tallyOf(kind: string): Tally {
    const known = this.#tallies.get(kind);
    if (known !== undefined) return known;
    const tally = { all: 0, answered: 0, aloneAll: 0, aloneAnswered: 0, acked: 0, failed: 0, unknown: 0 };
    this.#tallies.set(kind, tally);
    return tally;
  }
}

function shareOf(part: number, all: number): number {
  return Number((part / all).toFixed(4));
}
