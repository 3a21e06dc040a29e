import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchReport, Scenario } from './bench-report.ts';
import { ConnectLoop } from './connect-loop.ts';
import { absentAccounts, registerAccounts } from './load-account.ts';
import type { LoadAccount } from './load-account.ts';
import { LoadTally } from './load-tally.ts';
import { LoadUser } from './load-user.ts';
import { nodeUse, type NodeUse } from './node-cpu.ts';
import { startPacer } from './pacer.ts';
import { makeLoadGroup } from './bench-group.ts';
import { conversationLists, groupMessages, historyPages, pairMessages, spreadMessages } from './workload.ts';
import type { Workload } from './workload.ts';

export interface BenchOptions {
  /** What its users' names begin with. */
  readonly run: string;
  /** Members of the group who are not connected exist already. */
  readonly hasAbsent: boolean;
  readonly wsUrls: readonly string[];
  readonly opsUrls: readonly string[];
  readonly scenario: Scenario;
  readonly pairs: number;
  /** Of the scenario `group`: members of the one group, and how many of them are connected and write. */
  readonly members: number;
  readonly online: number;
  readonly inflight: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Requests a second, all users together, made on time whatever the server does; else as many as go. */
  readonly rate: number | undefined;
  /** Messages a pair has in its history before pages are read. */
  readonly fill: number;
  readonly onProgress: (line: string) => void;
}

const connectsAtOnce = 16;
const expiryCheckMs = 1_000;
const drainTimeoutMs = 10_000;
const fillTimeoutMs = 10 * 60_000;
const listConversations = 20;

/** Registers users, loads the nodes with them and measures. Rejects with Error where it cannot begin. */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { run, members, online, pairs, scenario, wsUrls, onProgress } = options;
  const all = scenario === 'group' ? members : pairs * 2;
  const count = options.hasAbsent && scenario === 'group' ? online : all;
  onProgress(`registering ${count} users`);
  const registered = await registerAccounts(run, count, wsUrls, onProgress);
  const accounts = [...registered, ...absentAccounts(run, count, all - count)];
  if (scenario === 'connect') {
    const tally = new LoadTally();
    const loops = accounts.filter(({ index }) => index % 2 === 0).map((one) => new ConnectLoop(one, tally));
    for (const loop of loops) loop.start();
    const report = await measure(options, tally);
    await Promise.all(loops.map((loop) => loop.stop()));
    return report;
  }
  const tally = new LoadTally(scenario === 'group' ? online - 1 : 1);
  const users: LoadUser[] = [];
  for (const account of scenario === 'group' ? accounts.slice(0, online) : accounts) {
    users.push(new LoadUser({ account, tally, inflight: options.inflight, users }));
  }
  const expiry = setInterval(() => {
    for (const user of users) user.expire(performance.now());
  }, expiryCheckMs);
  try {
    await connectAll(users);
    await prepare(options, accounts, users);
    const workload =
      scenario === 'group'
        ? groupMessages(await makeLoadGroup(run, accounts, onProgress))
        : workloadOf(scenario, accounts);
    return await load(options, workload, users, tally);
  } finally {
    clearInterval(expiry);
    for (const user of users) user.close();
  }
}

async function connectAll(users: readonly LoadUser[]): Promise<void> {
  const waiting = [...users];
  const work = async (): Promise<void> => {
    for (let user = waiting.shift(); user !== undefined; user = waiting.shift()) await user.connect();
  };
  await Promise.all(Array.from({ length: connectsAtOnce }, work));
}

/** Fills the mailboxes with what the scenario reads. */
async function prepare(
  { scenario, fill, onProgress }: BenchOptions,
  accounts: readonly LoadAccount[],
  users: readonly LoadUser[],
): Promise<void> {
  if (scenario === 'history') {
    onProgress(`filling ${users.length / 2} histories with ${fill} messages each`);
    await runToEnd(users, pairMessages(accounts), Math.ceil(fill / 2));
  } else if (scenario === 'conversations') {
    const each = Math.min(listConversations, accounts.length - 1);
    onProgress(`starting ${each} conversations a user`);
    await runToEnd(users, spreadMessages(accounts), each);
  }
}

async function runToEnd(users: readonly LoadUser[], workload: Workload, requests: number): Promise<void> {
  for (const user of users) user.run(workload, requests);
  await idle(users, fillTimeoutMs);
}

async function idle(users: readonly LoadUser[], timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!users.every((user) => user.isIdle)) {
    if (performance.now() > deadlineMs) throw new Error(`requests still unanswered after ${timeoutMs} ms`);
    await sleep(10);
  }
}

async function load(
  options: BenchOptions,
  workload: Workload,
  users: readonly LoadUser[],
  tally: LoadTally,
): Promise<BenchReport> {
  let stopPacer = (): void => undefined;
  if (options.rate === undefined) {
    for (const user of users) user.run(workload);
  } else {
    for (const user of users) user.runPaced(workload);
    stopPacer = startPacer(users, options.rate);
  }
  const report = await measure(options, tally);
  stopPacer();
  for (const user of users) user.stop();
  await idle(users, drainTimeoutMs);
  return { ...report, errors: Object.fromEntries(tally.errors) };
}

function workloadOf(
  scenario: Exclude<Scenario, 'group' | 'connect'>,
  accounts: readonly LoadAccount[],
): Workload {
  switch (scenario) {
    case 'dm':
      return pairMessages(accounts);
    case 'history':
      return historyPages(accounts);
    case 'conversations':
      return conversationLists();
  }
}

async function measure(options: BenchOptions, tally: LoadTally): Promise<BenchReport> {
  const { scenario, pairs, inflight, rate, onProgress } = options;
  onProgress(`warming up for ${options.warmUpSeconds} s, then measuring for ${options.seconds} s`);
  await sleep(options.warmUpSeconds * 1000);
  const before = await nodesUse(options);
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  tally.start();
  await sleep(options.seconds * 1000);
  tally.stop();
  const seconds = (performance.now() - startedAtMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const after = before === undefined ? undefined : await nodesUse(options);
  const { ack, allDelivered, delivery } = tally;
  const ackedPerSecond = round(ack.count / seconds, 1);
  const used =
    before !== undefined && after !== undefined && ack.count > 0 ? usedBetween(before, after) : null;
  return {
    scenario,
    pairs,
    inflight,
    seconds: options.seconds,
    ackedPerSecond,
    deliveredPerSecond: round(delivery.count / seconds, 1),
    ackMs: ack.summary(),
    deliveryMs: delivery.summary(),
    errors: Object.fromEntries(tally.errors),
    clientCpuShare: round((user + system) / 1e6 / seconds, 3),
    nodeCpuMicrosPerMessage: used && round((used.cpuSeconds * 1e6) / ack.count, 2),
    ...(scenario === 'group' && {
      members: options.members,
      online: options.online,
      storeWritesPerMessage: used && round(used.commits / ack.count, 2),
      allDeliveredMs: allDelivered.summary(),
    }),
    ...(scenario === 'history' ? { pagesPerSecond: ackedPerSecond } : {}),
    ...(rate === undefined ? {} : { rate }),
  };
}

function usedBetween(before: NodeUse, after: NodeUse): NodeUse {
  return { cpuSeconds: after.cpuSeconds - before.cpuSeconds, commits: after.commits - before.commits };
}

async function nodesUse({ opsUrls, onProgress }: BenchOptions): Promise<NodeUse | undefined> {
  try {
    return await nodeUse(opsUrls);
  } catch (error) {
    onProgress(`no CPU of the node: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
