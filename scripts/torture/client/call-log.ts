import type { Actor, CallOf, CallRecord, History } from '../history.ts';
import type { CallShapes, Change, Method, Note, Outcome } from './protocol-shapes.ts';
import type { Answer } from './wire-socket.ts';

/** Writes down what one user's devices ask and hear. */
export class CallLog {
  readonly #history: History;
  readonly #now: () => number;

  /** @param now a monotonic clock, in milliseconds */
  constructor(history: History, now: () => number) {
    this.#history = history;
    this.#now = now;
  }

  /** A call has no outcome yet: it may have happened or not, or may happen yet. */
  begin<M extends Method>(actor: Actor, method: M, params: CallShapes[M]['params']): CallOf<M> {
    const record: CallOf<M> = {
      ...{ kind: 'call', ...actor, method, params, startMs: this.#now(), endMs: Infinity },
      outcome: { kind: 'unknown' },
    };
    this.#history.add(record as CallOf<Method> as CallRecord);
    return record;
  }

  answered<M extends Method>(record: CallOf<M>, answer: Answer): void {
    record.endMs = this.#now();
    record.outcome = outcomeOf<CallShapes[M]['result']>(answer);
  }

  pushed(actor: Actor, change: Change): void {
    this.#history.pushes.push({ kind: 'push', ...actor, atMs: this.#now(), change });
  }

  noted(actor: Actor, note: Note): void {
    this.#history.notes.push({ kind: 'note', ...actor, atMs: this.#now(), note });
  }

  /** A page ended with `cursor` after all that came up to `before`. */
  pageEnded({ userId }: Actor, before: string, cursor: string): void {
    const key = `${userId} ${cursor}`;
    if (cursor !== before && !this.#history.sameCursors.has(key)) this.#history.sameCursors.set(key, before);
  }

  closed({ connection }: Actor): void {
    this.#history.closed.add(connection);
  }
}

function outcomeOf<Result>(answer: Answer): Outcome<Result> {
  if (answer.kind === 'result') return { kind: 'ok', result: answer.result as Result };
  const data = (answer.error['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const { kind, retryable, retryAfterMs, url } = data;
  return {
    ...{ kind: 'error', error: String(kind), retryable: retryable === true },
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(typeof url === 'string' && { url }),
  };
}
