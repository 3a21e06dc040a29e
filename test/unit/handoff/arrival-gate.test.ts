import { beforeEach, expect, test } from 'vitest';
import { ArrivalGate } from '../../../src/handoff/arrival-gate.ts';
import type { Member } from '../../../src/ring/member.ts';
import { memberOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

let time: VirtualTime;
let reaching: readonly Member[];
let living: readonly Member[];
let isOver: boolean;
let reports: (readonly [readonly string[], number])[];
let gate: ArrivalGate;

const wait = (): Promise<number> =>
  gate.wait(
    () => living,
    () => isOver,
  );

beforeEach(() => {
  time = new VirtualTime();
  [reaching, living, isOver, reports] = [[], [memberOf(2), memberOf(3)], false, []];
  gate = new ArrivalGate({
    isReachedBy: (member) => reaching.includes(member),
    onUnreached: (by, waitedMs) => reports.push([by, waitedMs]),
    time,
  });
});

test('one of those that live is enough, and then nothing is waited for', async () => {
  reaching = living.slice(1);
  expect(await wait()).toBe(0);
  expect(gate.unreachedBy).toEqual([]);
});

test('where nobody else lives there is nothing to wait for', async () => {
  living = [];
  expect(await wait()).toBe(0);
});

test('who waits says for whom, and goes on when one has come', async () => {
  const waiting = wait();
  await time.run(3_000);
  expect(gate.unreachedBy).toEqual(['n2', 'n3']);
  reaching = living.slice(0, 1);
  expect(await time.drive(waiting)).toBeGreaterThanOrEqual(3_000);
  expect(gate.unreachedBy).toEqual([]);
  expect(reports).toEqual([]);
});

test('who waits goes on when the others have died', async () => {
  const waiting = wait();
  await time.run(3_000);
  living = [];
  expect(await time.drive(waiting)).toBeLessThan(3_100);
});

test('who waits ends at once where the node does', async () => {
  const waiting = wait();
  await time.run(3_000);
  isOver = true;
  expect(await time.drive(waiting)).toBeLessThan(3_100);
  expect(gate.unreachedBy).toEqual([]);
});

test('each ten seconds it is reported, with all the time it took, and everything else may be looked at', async () => {
  for (let round = 1; round <= 3; round++) {
    expect(await time.drive(wait())).toBeGreaterThanOrEqual(10_000);
    expect(gate.unreachedBy).toEqual(['n2', 'n3']);
    expect(reports).toHaveLength(round);
  }
  for (const [by] of reports) expect(by).toEqual(['n2', 'n3']);
  expect(reports.map(([, waitedMs]) => Math.round(waitedMs / 10_000))).toEqual([1, 2, 3]);
  gate.leave();
  expect(gate.unreachedBy).toEqual([]);
});
