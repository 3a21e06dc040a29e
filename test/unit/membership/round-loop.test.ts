import { expect, it } from 'vitest';
import { RoundLoop } from '../../../src/membership/round-loop.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

/** Rounds of `roundMs` each, one a second; `began` has the beginnings. */
function loopOf(roundMs: number) {
  const time = new VirtualTime();
  const began: number[] = [];
  let running = 0;
  const round = async (): Promise<void> => {
    began.push(time.monotonicMs());
    expect(++running).toBe(1);
    await new Promise<void>((resolve) => time.after(roundMs, resolve));
    running--;
  };
  return { time, began, loop: new RoundLoop({ time, round, periodMs: () => 1_000 }) };
}

it('rounds begin a period apart, however long they take', async () => {
  const { time, began, loop } = loopOf(300);
  loop.hurry();
  await time.run(2_500);
  expect(began).toEqual([0, 1_000, 2_000]);
});

it('a round that takes longer than a period is followed at once, never overtaken', async () => {
  const { time, began, loop } = loopOf(1_500);
  loop.hurry();
  await time.run(4_000);
  expect(began).toEqual([0, 1_500, 3_000]);
});

it('a hurried one begins at once, and the period counts from there', async () => {
  const { time, began, loop } = loopOf(10);
  loop.hurry();
  await time.run(400);
  loop.hurry();
  await time.run(1_200);
  expect(began).toEqual([0, 400, 1_400]);
});

it('hurried while a round runs: one more right after it, however often', async () => {
  const { time, began, loop } = loopOf(300);
  loop.hurry();
  await time.run(100);
  for (let i = 0; i < 5; i++) loop.hurry();
  await time.run(1_000);
  expect(began).toEqual([0, 300]);
});

it('hurried without end it still leaves a gap', async () => {
  const { time, began, loop } = loopOf(0);
  for (let i = 0; i < 100; i++) {
    loop.hurry();
    await time.run(1);
  }
  expect(began.length).toBeLessThanOrEqual(21);
  expect(began.length).toBeGreaterThan(15);
});

it('stopped, it waits for the round that runs, and begins none', async () => {
  const { time, began, loop } = loopOf(300);
  loop.hurry();
  await time.run(100);
  const stopped = time.drive(loop.stop());
  await stopped;
  expect(time.monotonicMs()).toBe(300);
  loop.hurry();
  await time.run(5_000);
  expect(began).toEqual([0]);
});
