import { LatencyHistogram } from './latency-histogram.ts';

/** Messages of one sender, at most. */
const numbersMax = 2 ** 32;

/** What a run has measured so far; counts only between `start` and `stop`. */
export class LoadTally {
  readonly ack = new LatencyHistogram();
  readonly delivery = new LatencyHistogram();
  /** From a message's sending to its last delivery, where it goes to `receivers` at once. */
  readonly allDelivered = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  readonly #receivers: number;
  /** Deliveries of a message so far, by its sender and number. */
  readonly #arrived = new Map<number, number>();
  #isMeasuring = false;

  /** @param receivers users that each message is delivered to; the latest is the last of them */
  constructor(receivers = 1) {
    this.#receivers = receivers;
  }

  start(): void {
    this.#isMeasuring = true;
  }

  stop(): void {
    this.#isMeasuring = false;
  }

  acked(latencyMs: number): void {
    if (this.#isMeasuring) this.ack.record(latencyMs);
  }

  /** Message `number` of user `sender` has come to one more user. */
  delivered(latencyMs: number, sender: number, number: number): void {
    if (this.#isMeasuring) this.delivery.record(latencyMs);
    if (this.#receivers === 1) return;
    const key = sender * numbersMax + number;
    const count = (this.#arrived.get(key) ?? 0) + 1;
    if (count < this.#receivers) this.#arrived.set(key, count);
    else {
      this.#arrived.delete(key);
      if (this.#isMeasuring) this.allDelivered.record(latencyMs);
    }
  }

  /** Errors count during warm-up as well: a run that begins with refusals should say so. */
  failed(kind: string): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
  }
}
