import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchStand } from './bench-stand.ts';
import { LoadRun } from './load-run.ts';
import { waits } from './scenario-figures.ts';

/** Calls of each user under way at once, where nobody waits for a schedule. */
export const inFlight = 4;
const warmUpSeconds = 3;
const saturateSeconds = 3;
/** Of the messages of a schedule that the machine keeps, p99: as long as moving users may make anybody wait. */
const waitMaxMs = 50;
const beginMs = 500;
const lookMs = 2_500;
const looks = 6;
const triesMax = 2;
const loadShare = 0.6;

/**
 * 60% of what this machine does, with this store, nodes, and clients on it: the most messages a second, sent on a
 * schedule, of which 99 in 100 wait no longer than the mark. What it does at the most is told beside that; then hundreds
 * wait at any time, share their commits, and each of them takes long.
 */
export async function steadyRate(
  stand: BenchStand,
  users: number,
  onProgress: (line: string) => void,
): Promise<number> {
  const bench = await stand.cluster();
  try {
    const load = await LoadRun.open(users, bench.cluster.wsUrls);
    await load.saturate(warmUpSeconds, inFlight);
    const greatest = await load.saturate(saturateSeconds, inFlight);
    let [kept, missed] = [0, greatest];
    for (let look = 0; look < looks; look++) {
      const rate = (kept + missed) / 2;
      if (await isKept(load, rate)) kept = rate;
      else missed = rate;
    }
    load.close();
    if (kept === 0) throw new Error('this machine is too busy with other things to keep any schedule');
    const rate = Math.max(1, Math.floor(kept * loadShare));
    onProgress(
      `this machine does ${Math.round(greatest)} messages a second at the most, ${Math.round(kept)} of which ` +
        `99 in 100 wait for ${waitMaxMs} ms at the most; the load is ${rate}`,
    );
    return rate;
  } finally {
    await bench.stop();
  }
}

/** Looks once more where it is not: somebody else may have had the machine for a moment. */
async function isKept(load: LoadRun, messagesPerSecond: number): Promise<boolean> {
  for (let tries = 0; tries < triesMax; tries++) {
    if ((await waitP99Ms(load, messagesPerSecond)) <= waitMaxMs) return true;
  }
  return false;
}

async function waitP99Ms(load: LoadRun, messagesPerSecond: number): Promise<number> {
  load.pace(messagesPerSecond);
  await sleep(beginMs);
  const fromMs = performance.now();
  await sleep(lookMs);
  const untilMs = performance.now();
  await load.stop();
  return waits(load.ledger.messages.values(), fromMs, untilMs).p99;
}
