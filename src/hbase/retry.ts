import { backoffDelayMs } from '../std/backoff.ts';
import { HBaseError } from './hbase-error.ts';
import type { HBaseErrorCode } from './hbase-error.ts';
import { ProtoError } from './proto-reader.ts';
import { judge } from './retry-verdict.ts';
import type { Effect, Verdict } from './retry-verdict.ts';
import { CallError } from './rpc-call.ts';
import type { Surroundings } from './surroundings.ts';

/** A try shorter than this before the deadline is not worth sending. */
const lastTryMs = 20;

/** The tries of one call: how long to wait between them, and how it ends when time runs out. */
export class Retry {
  readonly deadline: number;
  readonly #surroundings: Surroundings;
  #tries = 0;

  constructor(surroundings: Surroundings, deadline: number) {
    this.#surroundings = surroundings;
    this.deadline = deadline;
  }

  /**
   * After a failed try that did no harm: waits until it is time for the next one.
   * @throws HBaseError with `reason` where no time is left; after it nothing will happen any more
   */
  async pause(reason: HBaseErrorCode, cause: unknown): Promise<void> {
    const { time, limits, random } = this.#surroundings;
    const leftMs = this.deadline - time.monotonicMs() - lastTryMs;
    if (leftMs <= 0) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new HBaseError(reason, `gave up at the deadline: ${message}`, {
        cause,
        remoteClass: remoteClassOf(cause),
      });
    }
    const delayMs = Math.min(leftMs, backoffDelayMs(limits.retry, this.#tries++, random));
    await new Promise<void>((resolve) => time.after(delayMs, resolve));
  }

  /** Awaits something that has limits of its own, but no longer than to the deadline. */
  within<T>(work: Promise<T>): Promise<T> {
    const { time } = this.#surroundings;
    return new Promise<T>((resolve, reject) => {
      const cancel = time.after(Math.max(0, this.deadline - time.monotonicMs()), () => {
        reject(
          new CallError(
            { kind: 'notSent', reason: 'deadline' },
            'the deadline passed while the region was sought',
          ),
        );
      });
      work.then(resolve, reject).finally(cancel);
    });
  }
}

/** What a failed try means. Looking things up is `repeatable`, whatever the call itself is. */
export function verdictOf(error: unknown, effect: Effect): Verdict {
  if (error instanceof CallError) return judge(error, effect);
  if (error instanceof HBaseError) return { kind: 'fail', error };
  if (error instanceof ProtoError) {
    return judge(new CallError({ kind: 'lost', reason: 'undecodable' }, error.message, error), effect);
  }
  throw error;
}

function remoteClassOf(cause: unknown): string | undefined {
  if (!(cause instanceof CallError) || cause.failure.kind !== 'remote') return undefined;
  return cause.failure.exception.className;
}
