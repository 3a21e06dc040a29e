import { setTimeout as sleep } from 'node:timers/promises';
import { Evidence } from './checker/evidence.ts';
import { openingsOf } from './checker/openings.ts';
import { checkPresence, watchedCount } from './checker/rules/presence.ts';
import { checkTyping } from './checker/rules/typing.ts';
import type { Town } from './client/town.ts';
import type { History } from './history.ts';

const roundMs = 3_000;

/**
 * Some people go away, all others look who is there and type to each other, until everybody knows the truth or time is
 * over. Then those who went come back. What was seen is in the history's attendance.
 *
 * @returns how many states and typists there were to be seen
 */
export async function callTheRoll(
  town: Town,
  history: History,
  now: () => number,
  timeoutMs: number,
): Promise<{ readonly watched: number; readonly typed: number }> {
  const sinceMs = now();
  const present = await town.scatter();
  for (;;) {
    await town.greet();
    await sleep(roundMs);
    const open = openingsOf(history).filter(({ connection }) => !history.closed.has(connection));
    const connections = new Set(open.map(({ connection }) => connection));
    history.attendance = { sinceMs, atMs: now(), present, connections };
    const evidence = new Evidence(history, []);
    const isRight = checkPresence(evidence).length === 0 && checkTyping(evidence).length === 0;
    if (!isRight && now() - sinceMs < timeoutMs) continue;
    town.gather();
    const typed = history.callsOf('typing').filter(({ startMs }) => startMs >= sinceMs).length;
    return { watched: watchedCount(evidence), typed };
  }
}
