/** How long to wait before a retry. `random` gives [0, 1). */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly random: () => number;
}

/**
 * Milliseconds before retry number `attempt` (from 0): doubling up to `maxMs`, of which the upper half is
 * random, so that clients that failed together do not come back together.
 */
export function backoffMs(attempt: number, { firstMs, maxMs, random }: BackoffOptions): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (ceiling / 2) * random();
}
