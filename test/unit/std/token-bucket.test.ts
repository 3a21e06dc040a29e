import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedBuckets } from '../../../src/std/keyed-buckets.ts';
import { TokenBucket } from '../../../src/std/token-bucket.ts';

describe('TokenBucket', () => {
  it('grants its burst at once and then its rate', () => {
    const bucket = new TokenBucket(125, 3, 0);
    expect([0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))).toEqual([0, 0, 0, 8]);
    expect(bucket.take(7)).toBe(1);
    expect(bucket.take(8)).toBe(0);
    expect(bucket.isFull(31)).toBe(false);
    expect(bucket.isFull(32)).toBe(true);
  });

  it('never grants more than burst + rate * time, and always grants after the wait it names', () => {
    const steps = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        steps,
        (rate, burst, gapsMs) => {
          const bucket = new TokenBucket(rate, burst, 0);
          let nowMs = 0;
          let granted = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            const waitMs = bucket.take(nowMs);
            if (waitMs === 0) granted += 1;
            expect(granted).toBeLessThanOrEqual(burst + (rate * nowMs) / 1000 + 1e-6);
            if (waitMs > 0) {
              nowMs += waitMs;
              expect(bucket.take(nowMs)).toBe(0);
              granted += 1;
            }
          }
        },
      ),
    );
  });

  it('a clock that runs back takes nothing away', () => {
    const bucket = new TokenBucket(1, 1, 1000);
    expect(bucket.take(500)).toBe(0);
    expect(bucket.take(500)).toBe(1000);
    expect(bucket.take(2000)).toBe(0);
  });
});

describe('KeyedBuckets', () => {
  it('keeps keys apart, and forgets the one that was unused for longest', () => {
    const buckets = new KeyedBuckets({ tokensPerSecond: 1, burst: 1, keysMax: 2 });
    expect([buckets.take('a', 0), buckets.take('b', 0)]).toEqual([0, 0]);
    expect(buckets.take('a', 0)).toBe(1000);
    expect(buckets.take('c', 0)).toBe(0); // b has to go
    expect(buckets.size).toBe(2);
    expect(buckets.take('a', 0)).toBe(1000);
    expect(buckets.take('b', 0)).toBe(0);
  });
});
