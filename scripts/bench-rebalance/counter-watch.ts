import type { NodeProcess } from '../../cluster/mailring/node-process.ts';

const everyMs = 1_000;
const timeoutMs = 2_000;

const watched = {
  activations: 'mailring_mailbox_activations_total',
  revivals: 'mailring_mailbox_revivals_total',
  copiesSent: 'mailring_handoff_copies_sent_total',
  copiesSpoilt: 'mailring_handoff_copies_spoilt_total',
  copiesRefused: 'mailring_handoff_copies_refused_total',
  lastWordWaits: 'mailring_handoff_waits_total',
  lastWordsHeard: 'mailring_handoff_waits_answered_total',
  conflicts: 'mailring_commit_conflicts_total',
  storeReads: 'mailring_store_duration_seconds_count{operation="read"}',
} as const;
type Counter = keyof typeof watched;
const counters = Object.keys(watched) as Counter[];

const zeroes = (): Record<Counter, number> =>
  Object.fromEntries(counters.map((counter) => [counter, 0])) as Record<Counter, number>;

/** Counters of all nodes together, over their deaths and restarts; and how fast they grew at most. */
export class CounterWatch {
  readonly #nodes: readonly NodeProcess[];
  readonly #last = new Map<string, number>();
  readonly #totals = zeroes();
  readonly #greatest = zeroes();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(nodes: readonly NodeProcess[]) {
    this.#nodes = nodes;
  }

  /** Counts from now on. */
  async start(): Promise<void> {
    await this.restart();
    let seenMs = performance.now();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(async () => {
        const before = { ...this.#totals };
        await this.#look();
        const seconds = (performance.now() - seenMs) / 1000;
        seenMs = performance.now();
        for (const counter of counters) {
          const rate = (this.#totals[counter] - before[counter]) / seconds;
          this.#greatest[counter] = Math.max(this.#greatest[counter], rate);
        }
      });
    }, everyMs);
  }

  /** Counts from now on; what was counted so far is forgotten. */
  async restart(): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      await this.#look();
      for (const counter of counters) {
        this.#totals[counter] = 0;
        this.#greatest[counter] = 0;
      }
    });
    await this.#looking;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#look();
  }

  total(counter: Counter): number {
    return this.#totals[counter];
  }

  /** All that moved, for people. */
  get summary(): string {
    const moved = counters.filter((counter) => this.#totals[counter] > 0);
    return moved.map((counter) => `${counter} ${this.#totals[counter]}`).join(', ');
  }

  /** The most that was seen in a second. */
  greatestPerSecond(counter: Counter): number {
    return Math.round(this.#greatest[counter]);
  }

  async #look(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.#lookAt(node)));
  }

  async #lookAt({ id, opsUrl }: NodeProcess): Promise<void> {
    let text: string;
    try {
      const response = await fetch(`${opsUrl}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
      text = await response.text();
    } catch {
      return; // It is dead, or not there yet: what it will count is seen when it answers.
    }
    for (const counter of counters) {
      const name = watched[counter];
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      const value = Number(line?.slice(name.length + 1) ?? 0);
      const key = `${id} ${counter}`;
      const last = this.#last.get(key) ?? 0;
      // A counter that fell began anew.
      this.#totals[counter] += value >= last ? value - last : value;
      this.#last.set(key, value);
    }
  }
}
