// Plays a generated chat history against running nodes, or one of its own, and verifies what they made of it.
import { parseArgs } from 'node:util';
import { wsUrlOf } from '../src/client/account-api.ts';
import { CacheWatch } from './replay/cache-watch.ts';
import { NodeKiller } from './replay/node-killer.ts';
import { ReplayNode } from './replay/replay-node.ts';
import { ReplayRun, type ReplayOptions } from './replay/replay-run.ts';

const usage = `npm run replay -- [options] --url ws://127.0.0.1:7400
npm run replay -- [options] -- [settings of a node of its own, as for mailring node]

  --url <ws-url>      a running node; repeat for more
  --kills <n>         times its own node is killed with -9 while messages are sent, and started again (0)
  --messages <n>      messages to send (100000)
  --users <n>         people among whom (1000)
  --seed <n>          which history (1)
  --duplicates <p>    share of messages that are sent more than once (0.05)
  --reconnects <p>    share of messages after which the connection is torn down (0.01)
  --concurrency <n>   conversations that go on at once (64)

Prints one JSON object as its last line. Exit code 0: all as promised, 1: violations or failure, 2: wrong usage.`;

class UsageError extends Error {}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name}: a number from ${min} to ${max} is expected, not ${text}`);
}

const countOf = (name: string, text: string, min: number): number =>
  Math.floor(numberOf(name, text, min, Number.MAX_SAFE_INTEGER));

interface Plan {
  readonly replay: ReplayOptions;
  readonly kills: number;
  readonly nodeSettings: readonly string[];
}

function parse(args: readonly string[]): Plan {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string', multiple: true, default: [] },
      kills: { type: 'string', default: '0' },
      messages: { type: 'string', default: '100000' },
      users: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      duplicates: { type: 'string', default: '0.05' },
      reconnects: { type: 'string', default: '0.01' },
      concurrency: { type: 'string', default: '64' },
    },
    allowPositionals: true,
  });
  const kills = countOf('kills', values.kills, 0);
  if (values.url.length > 0 && (kills > 0 || positionals.length > 0)) {
    throw new UsageError('kills and settings are for a node of its own: leave --url out');
  }
  return {
    replay: {
      wsUrls: values.url.map(wsUrlOf),
      messages: countOf('messages', values.messages, 1),
      users: countOf('users', values.users, 2),
      seed: numberOf('seed', values.seed, -(2 ** 31), 2 ** 32),
      duplicates: numberOf('duplicates', values.duplicates, 0, 1),
      reconnects: numberOf('reconnects', values.reconnects, 0, 1),
      concurrency: countOf('concurrency', values.concurrency, 1),
      onProgress: (line) => console.log(line),
    },
    kills,
    nodeSettings: positionals,
  };
}

/** Whether all was as promised. */
async function replay(options: ReplayOptions, more: () => Promise<object>): Promise<boolean> {
  const run = new ReplayRun(options);
  const report = await run.run();
  for (const violation of run.violations.shown) console.log(violation);
  console.log(JSON.stringify({ ...report, ...(await more()) }));
  return report.violations === 0;
}

async function replayOnOwnNode({ replay: options, kills, nodeSettings }: Plan): Promise<boolean> {
  const node = await ReplayNode.start(nodeSettings);
  console.log(`log and data of the node are in ${node.folder}`);
  const cache = new CacheWatch(node.opsUrl);
  const killer = new NodeKiller(kills, options.messages, async () => {
    await cache.look();
    await node.restart();
  });
  cache.start();
  try {
    const onAcknowledged = (count: number): void => killer.acknowledged(count);
    return await replay({ ...options, wsUrls: [wsUrlOf(node.wsUrl)], onAcknowledged }, async () => {
      await killer.settle();
      await cache.look();
      return { kills: killer.kills, cache: cache.report() };
    });
  } finally {
    cache.stop();
    await node.stop();
  }
}

try {
  const plan = parse(process.argv.slice(2));
  const isAsPromised =
    plan.replay.wsUrls.length > 0
      ? await replay(plan.replay, () => Promise.resolve({}))
      : await replayOnOwnNode(plan);
  process.exitCode = isAsPromised ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : `replay failed: ${String(error)}`);
  process.exitCode = isUsage ? 2 : 1;
}
