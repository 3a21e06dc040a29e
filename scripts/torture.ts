// Breaks a cluster of real processes in every way it knows while people chat, and judges what they were told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { FaultKind } from './torture/faults/fault.ts';
import { startHBaseStand } from './torture/stand/hbase-stand.ts';
import { startLmdbStand } from './torture/stand/lmdb-stand.ts';
import { TortureRun, type TortureReport } from './torture/torture-run.ts';

const stores = ['lmdb', 'hbase'] as const;
const usage = `npm run torture -- [options]

  --minutes <n>     of clients and faults (10)
  --seed <n>        which faults and which chats; printed (drawn by chance)
  --store <name>    ${stores.join(' or ')} (lmdb)
  --faults <names>  only those whose names contain one of these, with commas between; "none" for no faults
  --nodes <n>       3 to 5 (3)
  --users <n>       people who chat (24)
  --small-groups <n> groups with more members than this are large ones (2 with seeds that 3 divides, else 500)
  --episode <s>     seconds after which all faults end and the history is judged (120)
  --first           end at the first violation

Prints one JSON object as its last line. Exit code 0: every promise was kept, 1: violations or failure, 2: wrong usage.`;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly store: (typeof stores)[number];
  readonly faults: readonly string[];
  readonly nodes: number;
  readonly users: number;
  readonly smallMembersMax: number;
  readonly episodeMs: number;
  readonly first: boolean;
}

class UsageError extends Error {}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name}: a number from ${min} to ${max} is expected, not ${text}`);
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      store: { type: 'string', default: 'lmdb' },
      faults: { type: 'string', default: '' },
      nodes: { type: 'string', default: '3' },
      users: { type: 'string', default: '24' },
      'small-groups': { type: 'string' },
      episode: { type: 'string', default: '120' },
      first: { type: 'boolean', default: false },
    },
  });
  const store = stores.find((name) => name === values.store);
  if (store === undefined)
    throw new UsageError(`--store: ${stores.join(' or ')} is expected, not ${values.store}`);
  const seed = Math.floor(numberOf('seed', values.seed, 0, 1_000_000));
  const smallMembersMax = values['small-groups'] ?? String(seed % 3 === 0 ? 2 : 500);
  return {
    ...{ seed, minutes: numberOf('minutes', values.minutes, 0.1, 10_000) },
    smallMembersMax: Math.floor(numberOf('small-groups', smallMembersMax, 1, 1_000_000)),
    store,
    faults: values.faults.split(',').filter((name) => name !== ''),
    nodes: Math.floor(numberOf('nodes', values.nodes, 3, 5)),
    users: Math.floor(numberOf('users', values.users, 8, 500)),
    episodeMs: 1_000 * numberOf('episode', values.episode, 10, 600),
    first: values.first,
  };
}

/** @param parts of names; none: all of them, or `none` alone @throws UsageError where one is in no name */
function chosenFrom(kinds: readonly FaultKind[], parts: readonly string[]): readonly FaultKind[] {
  if (parts.length === 0) return kinds;
  if (parts.length === 1 && parts[0] === 'none') return [];
  const wrong = parts.find((part) => !kinds.some(({ name }) => name.includes(part)));
  if (wrong !== undefined)
    throw new UsageError(`--faults: ${wrong} is none of ${kinds.map(({ name }) => name).join(', ')}`);
  return kinds.filter(({ name }) => parts.some((part) => name.includes(part)));
}

async function torture(options: Options, stopped: AbortSignal): Promise<TortureReport> {
  const { seed, faults, minutes, nodes, users, smallMembersMax, episodeMs, first } = options;
  const folder = mkdtempSync(join(tmpdir(), 'mailring-torture-'));
  const people = `${users} users, groups of more than ${smallMembersMax} are large`;
  console.log(`seed ${seed}, ${options.store}, ${nodes} nodes, ${people}; data and logs in ${folder}`);
  let isClean = false;
  const start = options.store === 'lmdb' ? startLmdbStand : startHBaseStand;
  const onProgress = (line: string): void => console.log(line);
  const { cluster, kinds, heal, stop } = await start({
    ...{ nodes, folder, seed, smallMembersMax, onProgress },
  });
  try {
    const run = new TortureRun({
      ...{ cluster, kinds: chosenFrom(kinds, faults), heal, seed, users, smallMembersMax },
      ...{ durationMs: minutes * 60_000, episodeMs },
      ...{ stopsAtViolation: first, stopped, onProgress },
    });
    await run.run();
    console.log(JSON.stringify(run.faultCounts));
    for (const line of run.availabilityTable) console.log(line);
    isClean = run.report.violations === 0;
    return run.report;
  } finally {
    await stop();
    if (isClean) rmSync(folder, { recursive: true, force: true });
    else console.log(`seed ${seed}; data and logs are in ${folder}`);
  }
}

try {
  const options = parse(process.argv.slice(2));
  const interruption = new AbortController();
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(1);
    interruption.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  const report = await torture(options, interruption.signal);
  console.log(JSON.stringify(report));
  process.exitCode = report.violations === 0 ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
