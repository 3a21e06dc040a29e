import { createHmac } from 'node:crypto';
import { backoffDelayMs } from '../std/backoff.ts';
import { fetchWithin } from '../std/fetch-within.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { Notice } from './notice.ts';
import type { PushTally } from './push-tally.ts';

export interface WebhookOptions {
  readonly url: string;
  /** Shared with the receiver; signs every request. */
  readonly secret: Uint8Array;
  readonly tally: PushTally;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  /** A request failed (and is made again) or was refused for good. */
  readonly onTrouble: (error: unknown) => void;
}

/** Notices in one request. */
const batchMax = 100;
/** Users whose notice waits. A later one of the same user takes its place. */
const waitingMax = 10_000;
/** What could not be delivered by then is no news any more. */
const keepMs = 15 * 60_000;
const backoff = { baseMs: 1_000, maxMs: 60_000 };
const limits = { timeoutMs: 10_000, bytesMax: 64 * 1024 };

interface Waiting {
  readonly notice: Notice;
  readonly sinceMs: number;
}

/** Requests that are asked to come again, besides those that fail on the receiver's side. */
const againStatuses = new Set([408, 425, 429]);

/**
 * Delivers notices by `POST`, a batch at a time, signed; tries again where the receiver is out of reach or fails.
 * The order of different users' notices is not kept, and one may come twice.
 */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #waiting = new Map<string, Waiting>();
  #failures = 0;
  #isSending = false;
  #cancelPause: Cancel | undefined;
  #isStopped = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Notices that wait to be delivered. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add(notice: Notice): void {
    const { userId } = notice;
    if (this.#waiting.size >= waitingMax && !this.#waiting.has(userId)) {
      this.#options.tally.dropped += 1;
      return;
    }
    this.#waiting.set(userId, { notice, sinceMs: this.#options.time.monotonicMs() });
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPause?.();
  }

  #next(): void {
    if (this.#isStopped || this.#isSending || this.#cancelPause !== undefined) return;
    if (this.#waiting.size === 0) return;
    this.#isSending = true;
    const batch = [...this.#waiting.values()].slice(0, batchMax);
    for (const { notice } of batch) this.#waiting.delete(notice.userId);
    void this.#send(batch);
  }

  /** Does not reject. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const { tally, onTrouble } = this.#options;
    let pauseMs = 0;
    try {
      const outcome = await this.#post(batch.map(({ notice }) => notice));
      this.#failures = 0;
      if (outcome === 'taken') tally.delivered += batch.length;
      else tally.dropped += batch.length;
    } catch (error) {
      pauseMs = this.#failed(batch);
      onTrouble(error);
    }
    this.#isSending = false;
    if (pauseMs === 0) this.#next();
    else this.#pause(pauseMs);
  }

  async #post(notices: readonly Notice[]): Promise<'taken' | 'refused'> {
    const { url, secret, time, onTrouble } = this.#options;
    const body = JSON.stringify({ notices });
    const headers = {
      'content-type': 'application/json',
      'mailring-signature': webhookSignature(secret, time.wallMs(), body),
    };
    const { status } = await fetchWithin(url, { method: 'POST', headers, body }, limits, time);
    if (status >= 200 && status < 300) return 'taken';
    const problem = new Error(`${url} answered ${status} to ${notices.length} notices`);
    if (status >= 500 || againStatuses.has(status)) throw problem;
    onTrouble(problem);
    return 'refused';
  }

  /** Keeps what is still news and not overtaken by a later notice. @returns how long to wait, ms */
  #failed(batch: readonly Waiting[]): number {
    const { tally, time, random } = this.#options;
    tally.failedRequests += 1;
    for (const one of batch) {
      const { userId } = one.notice;
      if (this.#waiting.has(userId)) continue;
      if (time.monotonicMs() - one.sinceMs < keepMs) this.#waiting.set(userId, one);
      else tally.dropped += 1;
    }
    return backoffDelayMs(backoff, this.#failures++, random);
  }

  #pause(ms: number): void {
    if (this.#isStopped) return;
    this.#cancelPause = this.#options.time.after(ms, () => {
      this.#cancelPause = undefined;
      this.#next();
    });
  }
}

/** `t=<epoch ms>,v1=<hex>`: HMAC-SHA256 of `<epoch ms>.<body>`, so that old requests cannot be played again. */
export function webhookSignature(secret: Uint8Array, epochMs: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${epochMs}.${body}`).digest('hex');
  return `t=${epochMs},v1=${digest}`;
}
