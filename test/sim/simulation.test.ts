import { afterAll, describe, expect, test } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { SimThread } from './sim-thread.ts';

const seeds = 200;
const steps = 60;
/** Runs that one test takes, so that none of them takes long. */
const seedsPerTest = 20;
const firstSeeds = Array.from({ length: seeds / seedsPerTest }, (_, index) => 1 + index * seedsPerTest);

const thread = new SimThread();
afterAll(() => thread.close());

async function violationsOf(seed: number, operations: number): Promise<readonly string[]> {
  const { violations } = await thread.run({ seed, steps: operations });
  return violations.map(
    (what) => `${what} (again: npm run sim -- --seed ${seed} --steps ${operations} --trace)`,
  );
}

describe('a cluster on simulated time, network, store and board', () => {
  test.each(firstSeeds)(
    'G1 to G9 hold in twenty runs from seed %i on',
    { timeout: 180_000 },
    async (first) => {
      for (let seed = first; seed < first + seedsPerTest; seed++) {
        expect(await violationsOf(seed, steps)).toEqual([]);
      }
    },
  );

  test.each(keptSeeds)(
    'seed $seed, which once failed',
    { timeout: 120_000 },
    async ({ seed, steps: kept }) => {
      expect(await violationsOf(seed, kept)).toEqual([]);
    },
  );

  test('a seed repeats its run exactly', { timeout: 60_000 }, async () => {
    const runs: string[][] = [[], []];
    for (const lines of runs) {
      await thread.run({ seed: 5, steps, trace: (line) => lines.push(line) });
    }
    expect(runs[0]?.length).toBeGreaterThan(100);
    expect(runs[1]).toEqual(runs[0]);
  });
});
