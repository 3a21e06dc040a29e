import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchStand } from './bench-stand.ts';
import { CounterWatch } from './counter-watch.ts';
import type { LoadClient } from './load-client.ts';
import { LoadRun } from './load-run.ts';
import type { Verdict } from './message-ledger.ts';
import { inFlight } from './steady-rate.ts';
import { ackP99Ratio, pauses, takeoverMs, warmShare, type Spread } from './scenario-figures.ts';
import type { Scenario } from './scenarios.ts';

export interface ScenarioReport {
  /** What clients were told that an application would notice: refusals that the SDK retried, and what it gave up. */
  readonly errors: number;
  readonly lost: number;
  readonly doubled: number;
  readonly pauseMs: Spread;
  /** The same before anything was done: what this machine does by itself. */
  readonly pauseBeforeMs: Spread;
  /** null: nobody stayed where they were. */
  readonly ackP99Ratio: number | null;
  /** null: nobody moved. */
  readonly warmShare: number | null;
  readonly takeoverMs?: number;
}

export interface BenchLoad {
  readonly users: number;
  /** How long the load goes on before and after the disturbance, together. */
  readonly seconds: number;
  readonly messagesPerSecond: number;
}

/** All that they can, so that what runs is compiled; then as they will. */
const warmUpSeconds = 3;
const settleMs = 2_000;

/** One scenario on a cluster of its own. Rejects with Error where it could not be carried out. */
export async function runScenario(
  scenario: Scenario,
  stand: BenchStand,
  { users, seconds, messagesPerSecond }: BenchLoad,
  onProgress: (line: string) => void,
): Promise<ScenarioReport> {
  onProgress(`${scenario.name}: starting three nodes and ${users} users`);
  const bench = await stand.cluster();
  const load = await LoadRun.open(users, bench.cluster.wsUrls, [bench.spare.wsUrl]);
  const watch = new CounterWatch([...bench.cluster.nodes, bench.spare]);
  try {
    await load.saturate(warmUpSeconds, inFlight);
    load.pace(messagesPerSecond);
    await sleep(settleMs);
    // Looking at the counters costs the nodes something: before as after.
    await watch.start();
    const beginMs = performance.now();
    await sleep(seconds * 500);
    await watch.restart();
    const [errorsBefore, disturbedMs] = [new Map(load.errors), performance.now()];
    if (errorsBefore.size > 0)
      onProgress(`${scenario.name}: errors before anything was done: ${text(errorsBefore)}`);
    const kill = await scenario.disturb(bench, load);
    onProgress(`${scenario.name}: over after ${Math.round(performance.now() - disturbedMs)} ms`);
    await sleep(seconds * 500);
    await load.stop();
    const timeline = { beginMs, disturbedMs, endMs: performance.now() };
    await watch.stop();
    const verdict = await load.verify();
    const { messages } = load.ledger;
    const moves = { ...movesSince(load.clients, disturbedMs), activations: watch.total('activations') };
    tell(scenario.name, { load, watch, verdict, moves, onProgress });
    const takeover = kill && takeoverMs(messages.values(), kill.users, kill.atMs);
    return {
      errors: [...load.errors.values()].reduce((sum, count) => sum + count, 0),
      lost: verdict.lost,
      doubled: verdict.doubled,
      pauseMs: pauses(messages.values(), disturbedMs, timeline.endMs),
      pauseBeforeMs: pauses(messages.values(), beginMs, disturbedMs),
      ackP99Ratio: ackP99Ratio(messages.values(), timeline, moves.moved) ?? null,
      warmShare: warmShare(moves) ?? null,
      ...(takeover === undefined ? {} : { takeoverMs: takeover }),
    };
  } finally {
    load.close();
    await watch.stop();
    await bench.stop();
  }
}

function movesSince(
  clients: readonly LoadClient[],
  disturbedMs: number,
): { readonly userMoves: number; readonly moved: ReadonlySet<number> } {
  let userMoves = 0;
  const moved = new Set<number>();
  for (const { index, homes } of clients) {
    const since = homes.filter(({ sinceMs }) => sinceMs > disturbedMs).length;
    userMoves += since;
    if (since > 0) moved.add(index);
  }
  return { userMoves, moved };
}

interface Details {
  readonly load: LoadRun;
  readonly watch: CounterWatch;
  readonly verdict: Verdict;
  readonly moves: { readonly userMoves: number };
  readonly onProgress: (line: string) => void;
}

/** What the figures are made of, for people. */
function tell(name: string, { load, watch, verdict, moves, onProgress }: Details): void {
  onProgress(
    `${name}: ${load.ledger.messages.size} messages, ${moves.userMoves} moves of users; ${watch.summary}; ` +
      `at most ${watch.greatestPerSecond('storeReads')} reads of the store a second`,
  );
  if (load.errors.size > 0) onProgress(`${name}: clients were told: ${text(load.errors)}`);
  for (const detail of verdict.details) onProgress(`${name}: VIOLATION ${detail}`);
}

const text = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
