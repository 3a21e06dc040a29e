import { describe, test } from 'vitest';
import { ModelRun } from '../../support/model-run.ts';

const seeds = 200;
const operations = 120;

describe('random runs against an independent history', () => {
  test(
    'G1 to G9 hold over faults, deaths, evictions and two owners at once',
    { timeout: 120_000 },
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        try {
          await new ModelRun(seed).run(operations);
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
        }
      }
    },
  );
});
