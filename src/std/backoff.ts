/** Delays that double from `baseMs` up to `maxMs`. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before try number `tries + 1`: half fixed, half by chance, so that clients that failed together
 * do not come back together. @param random in [0, 1)
 */
export function backoffDelayMs(backoff: Backoff, tries: number, random: () => number): number {
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(tries, 30));
  return full / 2 + (full / 2) * random();
}

/** A wait of about `delayMs`, a quarter more or less by chance, so that what began together does not go on in step. */
export function jitteredMs(delayMs: number, random: () => number): number {
  return delayMs * (0.75 + random() / 2);
}
