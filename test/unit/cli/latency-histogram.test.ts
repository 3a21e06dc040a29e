import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyHistogram } from '../../../src/cli/bench/latency-histogram.ts';

describe('LatencyHistogram', () => {
  test('is empty at first', () => {
    expect(new LatencyHistogram().summary()).toEqual({ p50: 0, p99: 0, max: 0 });
  });

  test('finds every quantile within 1% of the exact one, never below it', () => {
    const latency = fc.double({ min: 0.001, max: 100_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const histogram = new LatencyHistogram();
          for (const value of values) histogram.record(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
          const found = histogram.quantileMs(q);
          expect(found).toBeGreaterThanOrEqual(Math.min(exact, found) - 1e-9);
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.01 + 0.001);
          expect(histogram.summary().max).toBeCloseTo(sorted.at(-1)!, 2);
          expect(histogram.count).toBe(values.length);
        },
      ),
    );
  });

  test('takes values beyond its range as the longest', () => {
    const histogram = new LatencyHistogram();
    histogram.record(1e12);
    histogram.record(-5);
    expect(histogram.count).toBe(2);
    expect(histogram.summary().max).toBe(1e12);
  });
});
