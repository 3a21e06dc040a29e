import { describe, expect, it } from 'vitest';
import { backoffDelayMs, jitteredMs } from '../../../src/std/backoff.ts';

const backoff = { baseMs: 100, maxMs: 1_000 };

describe('backoffDelayMs', () => {
  it('doubles with each try up to the most, however many there were', () => {
    const delays = [0, 1, 2, 3, 4, 1_000_000].map((tries) => backoffDelayMs(backoff, tries, () => 0));
    expect(delays).toEqual([50, 100, 200, 400, 500, 500]);
  });

  it('spreads the upper half of a delay by chance', () => {
    expect(backoffDelayMs(backoff, 0, () => 0.5)).toBe(75);
    expect(backoffDelayMs(backoff, 0, () => 0.999)).toBeCloseTo(99.95);
  });
});

describe('jitteredMs', () => {
  it('keeps a wait within a quarter of what was asked, and its mean', () => {
    expect([0, 0.5, 1].map((chance) => jitteredMs(1_000, () => chance))).toEqual([750, 1_000, 1_250]);
  });
});
