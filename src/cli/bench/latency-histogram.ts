/** Buckets a power of two: a value is reported at most 1/128 too high. */
const bucketsPerOctave = 128;
const octaveBits = Math.log2(bucketsPerOctave);
const octavesMax = 24;
const microsMax = bucketsPerOctave * 2 ** octavesMax - 1;

/** Milliseconds: two percentiles and the exact greatest value; all 0 where nothing was recorded. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Counts latencies in logarithmic buckets of microseconds: constant memory, constant time a value, a relative
 * error below 1%, from 1 µs to about half an hour (what is longer counts as that long).
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(bucketsPerOctave * (octavesMax + 1));
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  record(latencyMs: number): void {
    const micros = Math.min(microsMax, Math.max(0, Math.round(latencyMs * 1000)));
    const bucket = bucketOf(micros);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
  }

  /** The latency in ms that a share of `quantile` (0 to 1) of all values does not exceed. */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(this.#maxMs, upperMicrosOf(bucket) / 1000);
    }
    return 0;
  }

  summary(): LatencySummary {
    const round = (valueMs: number): number => Math.round(valueMs * 1000) / 1000;
    return { p50: round(this.quantileMs(0.5)), p99: round(this.quantileMs(0.99)), max: round(this.#maxMs) };
  }
}

// Values below 128 have a bucket each; above, the 7 bits after the leading one choose it.
function bucketOf(micros: number): number {
  if (micros < bucketsPerOctave) return micros;
  const octave = 31 - Math.clz32(micros) - octaveBits;
  return bucketsPerOctave * (octave + 1) + ((micros >>> octave) - bucketsPerOctave);
}

function upperMicrosOf(bucket: number): number {
  if (bucket < bucketsPerOctave) return bucket;
  const octave = Math.floor(bucket / bucketsPerOctave) - 1;
  return (bucketsPerOctave + (bucket % bucketsPerOctave) + 1) * 2 ** octave - 1;
}
