import { Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** Upper bounds of the buckets, in seconds: from a reply out of memory to one that nearly timed out. */
const bucketsSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const bucketsMs = bucketsSeconds.map((seconds) => seconds * 1000);

/** The durations of one label value. Adding one costs a few comparisons: no labels, no objects. */
export class LatencyTally {
  /** One for each bucket, and one for what is above all of them. */
  readonly counts = new Float64Array(bucketsMs.length + 1);
  sumMs = 0;
  count = 0;

  observeMs(durationMs: number): void {
    let bucket = 0;
    while (bucket < bucketsMs.length && durationMs > (bucketsMs[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += durationMs;
    this.count += 1;
  }
}

interface ExportedValue {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

/**
 * A Prometheus histogram over tallies that are kept outside of prom-client, whose own `observe` builds and hashes
 * label objects for each value: too dear at tens of thousands a second.
 */
export class LatencyHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #labelName: string;
  readonly #tallies = new Map<string, LatencyTally>();

  constructor(registry: Registry, name: string, help: string, labelName: string) {
    super({ name, help, labelNames: [labelName], buckets: bucketsSeconds, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#labelName = labelName;
  }

  tally(labelValue: string): LatencyTally {
    const known = this.#tallies.get(labelValue);
    if (known !== undefined) return known;
    const tally = new LatencyTally();
    this.#tallies.set(labelValue, tally);
    return tally;
  }

  /** prom-client asks this for the text format, and `get`, for JSON, asks this too. */
  async getForPromString(): Promise<object> {
    const values = [...this.#tallies].flatMap(([label, tally]) => this.#export(label, tally));
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }

  #export(labelValue: string, tally: LatencyTally): ExportedValue[] {
    const labels = { [this.#labelName]: labelValue };
    let below = 0;
    const buckets = bucketsSeconds.map((le, index) => {
      below += tally.counts[index] ?? 0;
      return { metricName: `${this.#name}_bucket`, labels: { ...labels, le }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${this.#name}_bucket`, labels: { ...labels, le: '+Inf' }, value: tally.count },
      { metricName: `${this.#name}_sum`, labels, value: tally.sumMs / 1000 },
      { metricName: `${this.#name}_count`, labels, value: tally.count },
    ];
  }
}
