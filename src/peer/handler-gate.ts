import { ProtocolError, refusal } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import { Fifo } from './fifo.ts';
import type { PeerLimits } from './peer-limits.ts';
import type { PeerHandler, PeerIdentity, PeerReply, PeerRequest } from './peer-request.ts';

export interface HandlerJob {
  readonly request: PeerRequest;
  readonly from: PeerIdentity;
  readonly bytes: number;
  /** Called once. */
  readonly reply: (reply: PeerReply) => void;
}

export interface HandlerGateOptions {
  readonly handler: PeerHandler;
  readonly limits: PeerLimits;
  readonly time: Time;
  readonly failed: (error: unknown, from: PeerIdentity) => void;
}

/** Lets a bounded number of requests through to the handler, in order; a bounded number waits. */
export class HandlerGate {
  readonly #options: HandlerGateOptions;
  readonly #waiting = new Fifo<HandlerJob>();
  #waitingBytes = 0;
  #running = 0;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: HandlerGateOptions) {
    this.#options = options;
  }

  /** @returns false where there was no room; the job has got its refusal */
  submit(job: HandlerJob): boolean {
    const { limits } = this.#options;
    if (this.#isClosed) {
      job.reply(refusal('unavailable', 'the node is stopping'));
      return true;
    }
    if (this.#running < limits.handlersMax) {
      this.#start(job);
      return true;
    }
    const bytes = this.#waitingBytes + job.bytes;
    if (this.#waiting.length >= limits.handlersWaitingMax || bytes > limits.handlersWaitingBytesMax) {
      job.reply(refusal('overloaded', 'the node is busy', { retryAfterMs: limits.heartbeatMs }));
      return false;
    }
    this.#waiting.push(job);
    this.#waitingBytes = bytes;
    return true;
  }

  /** Refuses from now on, and resolves when all that was let in is done, or after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.time.after(drainMs, resolve);
      this.#whenIdle = () => {
        cancel();
        resolve();
      };
      this.#checkIdle();
    });
  }

  #start(job: HandlerJob): void {
    if (job.request.deadline <= this.#options.time.monotonicMs()) {
      job.reply(refusal('unavailable', 'the deadline passed on the way'));
      return;
    }
    this.#running += 1;
    void this.#run(job);
  }

  async #run(job: HandlerJob): Promise<void> {
    let reply: PeerReply;
    try {
      reply = await this.#options.handler.handle(job.request, job.from);
    } catch (error) {
      reply = this.#refusalOf(error, job.from);
    }
    this.#done(job, reply);
  }

  #done(job: HandlerJob, reply: PeerReply): void {
    this.#running -= 1;
    job.reply(reply);
    while (this.#running < this.#options.limits.handlersMax) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.bytes;
      this.#start(next);
    }
    this.#checkIdle();
  }

  #refusalOf(error: unknown, from: PeerIdentity): PeerReply {
    if (error instanceof ProtocolError) return refusal(error.kind, error.message, error.details);
    this.#options.failed(error, from);
    return refusal('internal', 'the peer has failed');
  }

  #checkIdle(): void {
    if (this.#running === 0 && this.#waiting.length === 0) this.#whenIdle?.();
  }
}
