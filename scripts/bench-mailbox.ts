/**
 * What a message costs in the rooms from the mailbox down: no sockets, no protocol, one process:
 *   node scripts/bench-mailbox.ts [--store memory,lmdb] [--pairs 100] [--in-flight 1,16] [--seconds 5] [--json]
 *
 * Two users of each pair send each other texts of 100 bytes, each keeping so many sends under way. The main thread's
 * CPU is told apart from that of all threads. The store lmdb writes below the system's temporary folder (see TMPDIR).
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { newActorTally } from '../src/actor/actor-tally.ts';
import { EntityRegistry } from '../src/actor/entity-registry.ts';
import { dmIdOf } from '../src/protocol/conversation-id.ts';
import { LocalMailbox } from '../src/router/local-mailbox.ts';
import { RowVersionSource } from '../src/row/row-version.ts';
import { systemTime } from '../src/std/time.ts';
import { LmdbTable } from '../src/store/lmdb-table.ts';
import { MemoryTable } from '../src/store/memory-table.ts';
import type { RowTable } from '../src/store/row-table.ts';
import { VersionedStore } from '../src/store/versioned-store.ts';
import {
  localGroups,
  ordinaryFanOutTiming,
  ordinaryFollowTiming,
  ordinaryGroupLimits,
} from '../test/support/group-parts.ts';

interface Options {
  readonly store: string;
  readonly pairs: string;
  readonly inFlight: string;
  readonly seconds: string;
  readonly json?: true;
}

interface Figures {
  readonly messagesPerSecond: number;
  /** A message, main thread and all threads. */
  readonly mainMicros: number;
  readonly cpuMicros: number;
  readonly commitsPerMessage: number;
}

const time = systemTime;
const warmUpMs = 3_000;
const deadlineMs = 30_000;
const text = 'x'.repeat(100);
const alarm = (error: unknown): void => {
  console.error(error);
};

function openTable(store: string, path: string): RowTable {
  if (store === 'memory') return new MemoryTable(time);
  if (store === 'lmdb') return new LmdbTable({ path, time, onBackgroundError: alarm });
  throw new Error(`no such store: ${store}`);
}

function openRegistry(table: RowTable): { registry: EntityRegistry; commits: () => number } {
  const versions = new RowVersionSource(randomBytes(8));
  const store = new VersionedStore({ table, versions, time, random: Math.random });
  const tally = newActorTally();
  const registry: EntityRegistry = new EntityRegistry(
    {
      store,
      time,
      random: Math.random,
      tenure: {
        epoch: () => 1,
        isLeaseCurrent: () => true,
        keeps: () => true,
        mayServe: () => ({ kind: 'yes' }),
      },
      tally,
      handoff: {
        take: () => undefined,
        standsAt: () => undefined,
        lastWord: () => undefined,
        committed: () => undefined,
      },
      ...localGroups(() => registry, time, alarm),
      groupLimits: ordinaryGroupLimits,
      fanOutTiming: ordinaryFanOutTiming,
      followTiming: ordinaryFollowTiming,
      envelopes: {
        request: (to, envelope, deadline) => registry.mailbox(to).accept(envelope, deadline),
      },
      actorLimits: {
        inboxInputsMax: 1_024,
        commitInputsMax: 256,
        commitBytesMax: 1 << 20,
        commitChangesMax: 512,
        commitDeadlineMs: deadlineMs,
      },
      mailboxLimits: {
        largeGroupsMax: 100,
        conversationsMax: 10_000,
        outboxPendingMax: 1_000,
        dedupWindowMs: 86_400_000,
      },
      sendingLimits: { waitingMax: 1_024, envelopeMax: 128, backgroundDeadlineMs: deadlineMs },
      outboxTiming: {
        settleAfterMs: 2_000,
        retryMaxMs: 60_000,
        clearAfterMs: 15_000,
        confirmAfterMs: 500,
        tellAfterMs: 50,
        tellGroupsAfterMs: 1_000,
      },
      alarm,
    },
    { budgetBytes: 1 << 30, recentMs: 86_400_000, loadsAtOnceMax: 64, loadsWaitingMax: 2_048 },
  );
  return { registry, commits: () => tally.commits };
}

async function measure(table: RowTable, pairs: number, inFlight: number, seconds: number): Promise<Figures> {
  const { registry, commits } = openRegistry(table);
  const stop = new AbortController();
  const run = randomBytes(4).toString('hex');
  const soon = (): number => time.monotonicMs() + deadlineMs;
  let sent = 0;
  const user = async (name: string, peer: string): Promise<void> => {
    const mailbox = new LocalMailbox(name, registry);
    const conversationId = dmIdOf(name, peer);
    registry.subscribe(name, () => undefined);
    let number = 0;
    const send = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const messageId = `${String(time.wallMs())}.${name}.d1.${String(++number)}`;
        await mailbox.call('sendMessage', { conversationId, messageId, text }, soon());
        sent++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, send));
  };
  const names = Array.from({ length: pairs * 2 }, (_, i) => `u${run}${String(i)}`);
  await Promise.all(
    names.map((name) =>
      new LocalMailbox(name, registry).call(
        'createAccount',
        { name, createdAt: time.wallMs(), passwordHash: '', tokensValidFrom: 0 },
        soon(),
      ),
    ),
  );
  const users = Promise.all(names.map((name, i) => user(name, names[i ^ 1] ?? '')));
  await Promise.race([users, sleep(warmUpMs)]);
  const before = { sent, commits: commits(), atMs: time.monotonicMs() };
  const cpu = process.cpuUsage();
  const main = process.threadCpuUsage();
  await Promise.race([users, sleep(seconds * 1_000)]);
  const ofAll = process.cpuUsage(cpu);
  const ofMain = process.threadCpuUsage(main);
  const messages = sent - before.sent;
  const figures = {
    messagesPerSecond: Math.round((messages * 1_000) / (time.monotonicMs() - before.atMs)),
    mainMicros: rounded((ofMain.user + ofMain.system) / messages),
    cpuMicros: rounded((ofAll.user + ofAll.system) / messages),
    commitsPerMessage: rounded((commits() - before.commits) / messages),
  };
  stop.abort();
  await users;
  return figures;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Keeps the process alive, which systemTime's timers do not. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function bench(options: Options): Promise<void> {
  const all: Record<string, Figures> = {};
  for (const store of options.store.split(',')) {
    for (const inFlight of options.inFlight.split(',')) {
      const path = mkdtempSync(join(tmpdir(), 'mailring-bench-'));
      const table = openTable(store, path);
      const figures = await measure(table, Number(options.pairs), Number(inFlight), Number(options.seconds));
      await table.close();
      rmSync(path, { recursive: true });
      all[`${store} ${inFlight}`] = figures;
      const { messagesPerSecond, mainMicros, cpuMicros, commitsPerMessage } = figures;
      const cost = `${String(mainMicros)} µs of the main thread, ${String(cpuMicros)} µs of all`;
      const rate = `${String(messagesPerSecond)} messages/s, ${String(commitsPerMessage)} commits each`;
      console.log(`${store}, ${inFlight} in flight: ${rate}, ${cost}`);
    }
  }
  if (options.json) console.log(JSON.stringify(all));
}

await new Command('bench-mailbox')
  .description('what a message costs from the mailbox down')
  .option('--store <names>', 'memory, lmdb; several with commas', 'memory,lmdb')
  .option('--pairs <n>', 'pairs of users', '100')
  .option('--in-flight <counts>', 'sends each user keeps under way; several with commas', '1,16')
  .option('--seconds <n>', 'how long each figure is measured', '5')
  .option('--json', 'print all figures as the last line')
  .action(async (options: Options) => {
    await bench(options);
  })
  .parseAsync();
