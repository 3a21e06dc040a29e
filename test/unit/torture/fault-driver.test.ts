import { expect, it } from 'vitest';
import { SeededRandom } from '../../../scripts/replay/seeded-random.ts';
import { FaultDriver } from '../../../scripts/torture/faults/fault-driver.ts';

it('counts what was done, and undoes also what could not be done', async () => {
  const undone: string[] = [];
  const told: string[] = [];
  const kinds = ['done', 'not done'].map((name) => ({
    ...{ name, weight: 1, lastsMs: [1, 1] as const },
    draw: () => ({
      ...{ what: name, holds: [name] },
      begin: async () => name === 'done',
      end: async () => {
        undone.push(name);
      },
    }),
  }));
  const driver = new FaultDriver({
    ...{ kinds, random: new SeededRandom(1), now: () => performance.now() },
    onProgress: (line) => told.push(line),
  });
  const stopped = new AbortController();
  const running = driver.run(60_000, stopped.signal);
  await expect.poll(() => new Set(undone).size, { timeout: 30_000 }).toBe(2);
  stopped.abort();
  await running;
  expect(new Set(driver.spans.map(({ kind }) => kind))).toEqual(new Set(['done']));
  expect(told).toContain('not done: could not be done');
}, 40_000);
