import { expect, test } from 'vitest';
import { replayOnOwnNode } from '../support/replay-process.ts';

const testTimeoutMs = 180_000;

test(
  'G1, G2, G3, G5, G8, G9: a replay holds over repeats, reconnects, evictions and kill -9',
  async () => {
    const report = await replayOnOwnNode({ messages: 2_000, users: 50, kills: 2, seed: 3 }, [
      '--store',
      'lmdb',
      '--cache-budget-bytes',
      '1MiB',
    ]);
    expect(report).toMatchObject({ acked: 2_000, violations: 0, kills: 2 });
    expect(report.duplicates).toBeGreaterThan(0);
    expect(report.reconnects).toBeGreaterThan(0);
    expect(report.cache.evictedTiers).toBeGreaterThan(0);
    expect(report.cache.misses).toBeGreaterThan(0);
  },
  testTimeoutMs,
);
