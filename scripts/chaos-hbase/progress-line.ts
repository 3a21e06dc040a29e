import type { Time } from '../../src/std/time.ts';
import type { CallCounts, CallWatch } from './call-watch.ts';

const intervalMs = 2000;

/** Says every two seconds how many calls a second ended in which way. */
export class ProgressLine {
  phase = '';
  readonly #watch: CallWatch;
  readonly #time: Time;
  readonly #onProgress: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #startMs = 0;
  #lastMs = 0;
  #last: CallCounts;

  constructor(watch: CallWatch, time: Time, onProgress: (line: string) => void) {
    this.#watch = watch;
    this.#time = time;
    this.#onProgress = onProgress;
    this.#last = { ...watch.counts };
  }

  start(phase: string): void {
    this.phase = phase;
    this.#startMs = this.#lastMs = this.#time.monotonicMs();
    this.#timer = setInterval(() => this.#print(), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #print(): void {
    const now = this.#time.monotonicMs();
    const [counts, last] = [this.#watch.counts, this.#last];
    const rate = (kind: keyof CallCounts): string =>
      `${Math.round(((counts[kind] - last[kind]) * 1000) / (now - this.#lastMs))}/s`;
    this.#onProgress(
      `${Math.round((now - this.#startMs) / 1000)} s ${this.phase}: acked ${rate('acked')} conflicts ${rate('conflicts')}` +
        ` failed ${rate('failed')} unknown ${rate('unknown')} reads ${rate('reads')}` +
        ` failed reads ${rate('failedReads')}, ${this.#watch.open} open`,
    );
    this.#lastMs = now;
    this.#last = { ...counts };
  }
}
