import { LatencyHistogram } from './latency-histogram.ts';

/** What a run has measured so far; counts only between `start` and `stop`. */
export class LoadTally {
  readonly ack = new LatencyHistogram();
  readonly delivery = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  #isMeasuring = false;

  start(): void {
    this.#isMeasuring = true;
  }

  stop(): void {
    this.#isMeasuring = false;
  }

  acked(latencyMs: number): void {
    if (this.#isMeasuring) this.ack.record(latencyMs);
  }

  delivered(latencyMs: number): void {
    if (this.#isMeasuring) this.delivery.record(latencyMs);
  }

  /** Errors count during warm-up as well: a run that begins with refusals should say so. */
  failed(kind: string): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
  }
}
