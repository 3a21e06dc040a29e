import type { FaultSpan } from './faults/fault-driver.ts';
import type { History } from './history.ts';

const answeredMs = 1_000;
/** What a fault leaves behind counts as its own for so long. */
const echoMs = 5_000;

interface Share {
  answered: number;
  all: number;
}

/**
 * Which share of calls was answered within a second, by what was wrong when they were made. An error that says to try
 * again is no answer, and a call that could not be made for want of a connection had none.
 */
export class Availability {
  readonly #shares = new Map<string, Share>();

  add(history: History, spans: readonly FaultSpan[]): void {
    for (const { method, startMs, endMs, outcome } of history.allCalls()) {
      if (method === 'session.open') continue;
      const isAnswer = outcome.kind === 'ok' || (outcome.kind === 'error' && !outcome.retryable);
      this.#count(spans, startMs, isAnswer && endMs - startMs <= answeredMs);
    }
    for (const atMs of history.unsentAtMs) this.#count(spans, atMs, false);
  }

  /** By kind of fault, `none` without one, `all` in all; from 0 to 1. */
  report(): Record<string, number> {
    const sorted = [...this.#shares].toSorted(([a], [b]) => a.localeCompare(b));
    return Object.fromEntries(
      sorted.map(([kind, { answered, all }]) => [kind, Number((answered / all).toFixed(4))]),
    );
  }

  #count(spans: readonly FaultSpan[], atMs: number, isAnswered: boolean): void {
    const on = spans.filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs + echoMs);
    const kinds = new Set(on.map(({ kind }) => kind));
    for (const kind of ['all', ...(kinds.size === 0 ? ['none'] : kinds)]) {
      const share = this.#shares.get(kind) ?? { answered: 0, all: 0 };
      this.#shares.set(kind, share);
      share.all++;
      if (isAnswered) share.answered++;
    }
  }
}
