import { backoffDelayMs } from '../std/backoff.ts';
import type { Backoff } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import { CallError } from './call-error.ts';
import type { Connection, Outcome } from './connection.ts';

export interface CallQueueOptions {
  readonly time: Time;
  readonly backoff: Backoff;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** Calls that may wait at once. */
  readonly pendingMax: number;
  /** How long one try may go unanswered before the call is sent again. */
  readonly attemptTimeoutMs: number;
  /** Told of every call that is made again, but for those that a reconnect makes again. */
  readonly onRetry: (method: string, params: object, error: CallError) => void;
}

interface PendingCall {
  readonly method: string;
  readonly params: object;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: CallError) => void;
  readonly cancelDeadline: Cancel;
  attempts: number;
  /** Cancels what wakes this call next: its try's time-out, or the wait before another try. */
  cancelWake: Cancel;
  /** True while it waits before another try; such a call is not sent again at a reconnect, it has its time. */
  backingOff: boolean;
}

const nothing: Cancel = () => undefined;

/**
 * Calls that have not been answered. Every call of the protocol may be made again with the same parameters,
 * so a call lives until an answer, an error that is not retryable, or its deadline, and is sent again in the
 * order of the calls at every reconnect.
 */
export class CallQueue {
  readonly #options: CallQueueOptions;
  readonly #pending = new Set<PendingCall>();
  #connection: Connection | undefined;

  constructor(options: CallQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Rejects with CallError; `timeoutMs` bounds all tries together. */
  call(method: string, params: object, timeoutMs: number): Promise<unknown> {
    if (this.#pending.size >= this.#options.pendingMax) {
      return Promise.reject(new CallError('queue_full', 'too many calls are waiting', true));
    }
    return new Promise((resolve, reject) => {
      const call: PendingCall = {
        method,
        params,
        resolve,
        reject,
        cancelDeadline: this.#options.time.after(timeoutMs, () => {
          this.#settle(call);
          reject(new CallError('timeout', `${method} was not answered in ${timeoutMs} ms`, true));
        }),
        attempts: 0,
        cancelWake: nothing,
        backingOff: false,
      };
      this.#pending.add(call);
      this.#transmit(call);
    });
  }

  /** A session is open: sends everything that waits, oldest first. */
  attach(connection: Connection): void {
    this.#connection = connection;
    for (const call of [...this.#pending]) if (!call.backingOff) this.#transmit(call);
  }

  /**
   * The session is gone, or about to go: nothing more is sent on it. What was on its way may still be answered there;
   * else it has an unknown fate and waits for the next one.
   */
  detach(): void {
    this.#connection = undefined;
    for (const call of this.#pending) if (!call.backingOff) call.cancelWake();
  }

  /** Ends every call with `error`. */
  failAll(error: CallError): void {
    for (const call of [...this.#pending]) {
      this.#settle(call);
      call.reject(error);
    }
  }

  #transmit(call: PendingCall): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const attempt = ++call.attempts;
    call.cancelWake();
    call.cancelWake = this.#options.time.after(this.#options.attemptTimeoutMs, () => {
      this.#options.onRetry(call.method, call.params, new CallError('timeout', 'not answered in time', true));
      this.#transmit(call);
    });
    connection.request(call.method, call.params, (outcome) => {
      // An answer to an older try answers the call as well; an old *error* must not cancel a newer try.
      if (outcome.kind === 'result' || attempt === call.attempts) this.#answered(call, outcome);
    });
  }

  #answered(call: PendingCall, outcome: Outcome): void {
    if (!this.#pending.has(call)) return;
    if (outcome.kind === 'result') {
      this.#settle(call);
      call.resolve(outcome.result);
    } else if (outcome.error.retryable) {
      this.#retryLater(call, outcome.error);
    } else {
      this.#settle(call);
      call.reject(outcome.error);
    }
  }

  #retryLater(call: PendingCall, error: CallError): void {
    const { backoff, random } = this.#options;
    const waitMs = Math.max(
      error.details.retryAfterMs ?? 0,
      backoffDelayMs(backoff, call.attempts - 1, random),
    );
    call.cancelWake();
    call.backingOff = true;
    this.#options.onRetry(call.method, call.params, error);
    call.cancelWake = this.#options.time.after(waitMs, () => {
      call.backingOff = false;
      this.#transmit(call);
    });
  }

  #settle(call: PendingCall): void {
    call.cancelDeadline();
    call.cancelWake();
    this.#pending.delete(call);
  }
}
