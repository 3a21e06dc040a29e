import { expect, it } from 'vitest';
import { RingSchedule } from '../../support/ring-schedule.ts';

/* MAILRING_TEST_RING_SEEDS=2000 runs more of them, MAILRING_TEST_RING_SEED=123 begins with another one. */
const seeds = Number(process.env['MAILRING_TEST_RING_SEEDS'] ?? '15');
const firstSeed = Number(process.env['MAILRING_TEST_RING_SEED'] ?? '1');

it(
  'G7: in generated histories no read from memory misses another node’s commit, no epoch is used twice, all heals',
  { timeout: 1_800_000 },
  async () => {
    const total = { commits: 0, memoryReads: 0, waits: 0, epochs: 0 };
    const broken: string[] = [];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { violations, tally, epochs } = await new RingSchedule(seed).run();
      if (violations.length > 0) broken.push(`seed ${seed}: ${violations.slice(0, 3).join('; ')}`);
      total.commits += tally.commits;
      total.memoryReads += tally.memoryReads;
      total.waits += tally.waits;
      total.epochs += epochs;
    }
    expect(broken).toEqual([]);
    // The histories are not empty ones.
    expect(total.commits).toBeGreaterThan(10 * seeds);
    expect(total.memoryReads).toBeGreaterThan(100 * seeds);
    expect(total.waits).toBeGreaterThan(seeds);
    expect(total.epochs).toBeGreaterThan(5 * seeds);
  },
);
