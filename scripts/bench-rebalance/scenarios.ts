import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { RingApi, RingApiError } from '../../src/cli/ring/ring-api.ts';
import type { RingReport, RingRequest } from '../../src/admin/control-api.ts';
import type { BenchCluster } from './bench-stand.ts';
import type { LoadRun } from './load-run.ts';
import { RingProcess } from './ring-process.ts';
import { takeoverMs } from './scenario-figures.ts';

/** What a scenario did to a node, where it killed one. */
export interface Kill {
  readonly atMs: number;
  readonly users: ReadonlySet<number>;
}

export interface Scenario {
  readonly name: string;
  readonly store?: 'hbase';
  /** Disturbs the cluster, and resolves when that is over and the ring at rest; with the node that it killed. */
  readonly disturb: (bench: BenchCluster, load: LoadRun) => Promise<Kill | undefined>;
}

const restMaxMs = 120_000;
const pollMs = 250;
const redisAwayMs = 10_000;

type ThreeNodes = readonly [NodeProcess, NodeProcess, NodeProcess];
const threeOf = ({ cluster }: BenchCluster): ThreeNodes => cluster.nodes as unknown as ThreeNodes;

/** Resolves with the ring when these nodes see it at rest, in this way. */
async function atRest(
  { token }: BenchCluster,
  nodes: readonly NodeProcess[],
  isWanted: (ring: RingReport) => boolean,
): Promise<void> {
  const deadlineMs = performance.now() + restMaxMs;
  const { signal } = new AbortController();
  let seen = '';
  while (performance.now() < deadlineMs) {
    try {
      const rings = await Promise.all(
        nodes.map(({ opsUrl }) => new RingApi({ opsUrls: [opsUrl], token, signal }).show()),
      );
      seen = JSON.stringify(
        rings.map(({ epoch, members, pending }) => ({ epoch, members: members.length, pending })),
      );
      const isAgreed = new Set(rings.map(({ epoch }) => epoch)).size === 1;
      if (isAgreed && rings.every((ring) => ring.pending === undefined && isWanted(ring))) return;
    } catch (error) {
      if (!(error instanceof RingApiError)) throw error;
      seen = error.message;
    }
    await sleep(pollMs);
  }
  throw new Error(`the ring did not come to rest in ${restMaxMs} ms: ${seen}`);
}

const weightOf = (ring: RingReport, nodeId: string): number | undefined =>
  ring.members.find((member) => member.nodeId === nodeId)?.weight;
const hasMembers =
  (count: number) =>
  ({ members }: RingReport): boolean =>
    members.length === count;
const isDrained =
  (nodeId: string) =>
  (ring: RingReport): boolean =>
    (weightOf(ring, nodeId) ?? 0) === 0;

async function killed(node: NodeProcess, load: LoadRun): Promise<Kill> {
  const users = load.clients
    .filter(({ homes }) => homes.at(-1)?.nodeId === node.id)
    .map(({ index }) => index);
  const atMs = performance.now();
  await node.process.kill('SIGKILL');
  return { atMs, users: new Set(users) };
}

/** Resolves when all users of a killed node are served again. */
async function untilServed(load: LoadRun, { users, atMs }: Kill): Promise<void> {
  const deadlineMs = performance.now() + restMaxMs;
  while (takeoverMs(load.ledger.messages.values(), users, atMs) === undefined) {
    if (performance.now() > deadlineMs) throw new Error(`users were not served again in ${restMaxMs} ms`);
    await sleep(pollMs);
  }
}

/** As `mailring ring` asks, but for its process: operators have that elsewhere, and here its start would hold up all. */
async function asked({ cluster, token }: BenchCluster, request: RingRequest): Promise<void> {
  const { signal } = new AbortController();
  const opsUrls = cluster.nodes.map(({ opsUrl }) => opsUrl);
  await new RingApi({ opsUrls, token, signal }).start(request, false);
}

async function join(bench: BenchCluster): Promise<undefined> {
  await bench.spare.process.start();
  await atRest(bench, [...bench.cluster.nodes, bench.spare], hasMembers(4));
}

async function weight(bench: BenchCluster): Promise<undefined> {
  await asked(bench, { kind: 'weight', nodeId: 'n2', weight: 50 });
  await atRest(bench, bench.cluster.nodes, (ring) => weightOf(ring, 'n2') === 50);
}

async function drain(bench: BenchCluster): Promise<undefined> {
  await asked(bench, { kind: 'drain', nodeId: 'n3' });
  await atRest(bench, bench.cluster.nodes, isDrained('n3'));
}

async function roll(bench: BenchCluster): Promise<undefined> {
  for (const node of bench.cluster.nodes) {
    await node.process.stop();
    await node.process.start();
    await atRest(bench, bench.cluster.nodes, hasMembers(3));
  }
}

async function crash(bench: BenchCluster, load: LoadRun): Promise<Kill> {
  const [n1, n2, n3] = threeOf(bench);
  const kill = await killed(n2, load);
  await untilServed(load, kill);
  await atRest(bench, [n1, n3], hasMembers(2));
  return kill;
}

/** n1 is drained through n3, and in the middle of that a node dies. */
async function killedWhileDraining(bench: BenchCluster, load: LoadRun, victim: NodeProcess): Promise<Kill> {
  const [, , n3] = threeOf(bench);
  const others = bench.cluster.nodes.filter((node) => node !== victim);
  const command = new RingProcess(bench, [n3], ['drain', 'n1']);
  await command.begun();
  const kill = await killed(victim, load);
  await command.ended();
  await untilServed(load, kill);
  await atRest(bench, others, hasMembers(2));
  return kill;
}

const targetKilled = (bench: BenchCluster, load: LoadRun): Promise<Kill> =>
  killedWhileDraining(bench, load, threeOf(bench)[1]);
const sourceKilled = (bench: BenchCluster, load: LoadRun): Promise<Kill> =>
  killedWhileDraining(bench, load, threeOf(bench)[0]);

async function redisKilled(bench: BenchCluster): Promise<undefined> {
  const command = new RingProcess(bench, bench.cluster.nodes, ['drain', 'n1']);
  await command.begun();
  await bench.redis?.kill('redis');
  await Promise.all([command.ended(), sleep(redisAwayMs)]);
  await bench.redis?.start();
  await atRest(bench, bench.cluster.nodes, () => true);
}

async function operatorKilled(bench: BenchCluster): Promise<undefined> {
  const command = new RingProcess(bench, bench.cluster.nodes, ['drain', 'n1']);
  await command.begun();
  await command.kill();
  await atRest(bench, bench.cluster.nodes, isDrained('n1'));
}

/** In the order in which they are run. */
export const scenarios: readonly Scenario[] = [
  { name: 'join', disturb: join },
  { name: 'weight', disturb: weight },
  { name: 'drain', disturb: drain },
  { name: 'roll', disturb: roll },
  { name: 'crash', disturb: crash },
  { name: 'targetKilled', disturb: targetKilled },
  { name: 'sourceKilled', disturb: sourceKilled },
  { name: 'redisKilled', store: 'hbase', disturb: redisKilled },
  { name: 'operatorKilled', disturb: operatorKilled },
];
