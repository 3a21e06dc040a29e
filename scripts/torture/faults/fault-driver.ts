import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Fault, FaultKind } from './fault.ts';

/** A fault that was done, in milliseconds of the monotonic clock. */
export interface FaultSpan {
  readonly kind: string;
  readonly what: string;
  readonly startMs: number;
  /** When it had been undone; Infinity before. */
  endMs: number;
}

export interface FaultDriverOptions {
  readonly kinds: readonly FaultKind[];
  readonly random: SeededRandom;
  readonly now: () => number;
  readonly onProgress: (line: string) => void;
}

const atOnceMax = 3;
const pauseMsMean = 2_500;
const drawsMax = 20;

/** Does one fault after the other, often several at once, and undoes each of them. */
export class FaultDriver {
  readonly spans: FaultSpan[] = [];
  readonly #options: FaultDriverOptions;
  readonly #held = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #over = new AbortController();

  constructor(options: FaultDriverOptions) {
    this.#options = options;
  }

  /** Resolves when that time is over, or `stopped` aborted, and every fault is undone. Rejects where one cannot be. */
  async run(durationMs: number, stopped: AbortSignal): Promise<void> {
    const { random, now } = this.#options;
    this.#over = new AbortController();
    const end = (): void => this.#over.abort();
    stopped.addEventListener('abort', end);
    const timer = setTimeout(end, durationMs);
    while (!this.#isOver(stopped)) {
      await this.#wait(pauseMsMean * 2 * random.next());
      if (this.#running.size >= atOnceMax || this.#isOver(stopped)) continue;
      const drawn = this.#draw();
      if (drawn === undefined) continue;
      const { kind, fault } = drawn;
      const span = { kind: kind.name, what: fault.what, startMs: now(), endMs: Infinity };
      this.spans.push(span);
      const running: Promise<void> = this.#inflict(kind, fault, span)
        .catch((error: unknown) => {
          this.#failures.push(error);
        })
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    clearTimeout(timer);
    stopped.removeEventListener('abort', end);
    await Promise.all(this.#running);
    if (this.#failures.length > 0)
      throw new AggregateError(this.#failures, 'a fault could not be done or undone');
  }

  #isOver(stopped: AbortSignal): boolean {
    return this.#over.signal.aborted || stopped.aborted;
  }

  #draw(): { readonly kind: FaultKind; readonly fault: Fault } | undefined {
    const { kinds, random } = this.#options;
    const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
    for (let draw = 0; draw < drawsMax; draw++) {
      let at = random.next() * total;
      const kind = kinds.find(({ weight }) => (at -= weight) < 0);
      const fault = kind?.draw(random);
      if (kind === undefined || fault === undefined) continue;
      if (fault.holds.some((name) => this.#held.has(name))) continue;
      return { kind, fault };
    }
    return undefined;
  }

  async #inflict({ lastsMs: [min, max] }: FaultKind, fault: Fault, span: FaultSpan): Promise<void> {
    const { random, now, onProgress } = this.#options;
    for (const name of fault.holds) this.#held.add(name);
    // Short ones are more frequent, long ones happen.
    const durationMs = min * (max / min) ** random.next();
    onProgress(`${fault.what}, for ${(durationMs / 1_000).toFixed(1)} s`);
    try {
      if ((await fault.begin()) === false) {
        onProgress(`${fault.what}: could not be done`);
        this.spans.splice(this.spans.indexOf(span), 1);
      }
      await this.#wait(durationMs);
      await fault.end();
    } finally {
      span.endMs = now();
      for (const name of fault.holds) this.#held.delete(name);
    }
  }

  async #wait(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#over.signal }).catch(() => undefined);
  }
}
