/** What a node's cache did, over all its lives. */
export interface CacheReport {
  /** `mailring_cache_bytes` at the end, the greatest that was seen, and the greatest resident memory of the process. */
  readonly bytes: number;
  readonly bytesMax: number;
  readonly residentBytesMax: number;
  readonly evictedTiers: number;
  readonly evictedMailboxes: number;
  /** Reads of a mailbox answered from memory, and their share of all. */
  readonly hits: number;
  readonly misses: number;
  readonly hitRatio: number;
}

const counters = {
  evictedTiers: 'mailring_cache_evicted_tiers_total',
  evictedMailboxes: 'mailring_cache_evicted_mailboxes_total',
  hits: 'mailring_cache_hits_total',
  misses: 'mailring_cache_misses_total',
} as const;
type Counter = keyof typeof counters;
const counterNames = Object.keys(counters) as Counter[];

const everyMs = 500;
const timeoutMs = 5_000;

/** Reads a node's `/metrics` again and again: its maxima, and its counters although they begin anew when it restarts. */
export class CacheWatch {
  readonly #opsUrl: string;
  /** Of lives that have ended. */
  readonly #before = new Map<Counter, number>();
  readonly #last = new Map<Counter, number>();
  #bytes = 0;
  #bytesMax = 0;
  #residentBytesMax = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(opsUrl: string) {
    this.#opsUrl = opsUrl;
  }

  start(): void {
    this.#timer = setInterval(() => {
      // Between kill and restart nobody answers; what counts is read by look().
      this.look().catch(() => undefined);
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the metrics now. Rejects where the node does not answer. */
  async look(): Promise<void> {
    const response = await fetch(`${this.#opsUrl}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    const counts = counterNames.map((name) => [name, valueOf(text, counters[name])] as const);
    if (counts.some(([name, count]) => count < (this.#last.get(name) ?? 0))) this.#beginLife();
    for (const [name, count] of counts) this.#last.set(name, count);
    this.#bytes = valueOf(text, 'mailring_cache_bytes');
    this.#bytesMax = Math.max(this.#bytesMax, this.#bytes);
    this.#residentBytesMax = Math.max(this.#residentBytesMax, valueOf(text, 'process_resident_memory_bytes'));
  }

  report(): CacheReport {
    const [hits, misses] = [this.#total('hits'), this.#total('misses')];
    return {
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      residentBytesMax: this.#residentBytesMax,
      evictedTiers: this.#total('evictedTiers'),
      evictedMailboxes: this.#total('evictedMailboxes'),
      hits,
      misses,
      hitRatio: Math.round((hits / Math.max(1, hits + misses)) * 10_000) / 10_000,
    };
  }

  #beginLife(): void {
    for (const name of counterNames) this.#before.set(name, this.#total(name));
    this.#last.clear();
  }

  #total(name: Counter): number {
    return (this.#before.get(name) ?? 0) + (this.#last.get(name) ?? 0);
  }
}

function valueOf(metrics: string, name: string): number {
  const match = new RegExp(`^${name} ([0-9.e+-]+)$`, 'm').exec(metrics);
  if (match === null) throw new Error(`there is no ${name} among the metrics`);
  return Number(match[1]);
}
