// Plays a generated chat history against running nodes and verifies what they made of it.
import { parseArgs } from 'node:util';
import { wsUrlOf } from '../src/client/account-api.ts';
import { ReplayRun } from './replay/replay-run.ts';

const usage = `npm run replay -- --url ws://127.0.0.1:7400 [options]

  --url <ws-url>      a node; repeat for more
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

function parse(args: readonly string[]): ConstructorParameters<typeof ReplayRun>[0] {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string', multiple: true, default: [] },
      messages: { type: 'string', default: '100000' },
      users: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      duplicates: { type: 'string', default: '0.05' },
      reconnects: { type: 'string', default: '0.01' },
      concurrency: { type: 'string', default: '64' },
    },
  });
  if (values.url.length === 0) throw new UsageError('--url is needed');
  return {
    wsUrls: values.url.map(wsUrlOf),
    messages: countOf('messages', values.messages, 1),
    users: countOf('users', values.users, 2),
    seed: numberOf('seed', values.seed, -(2 ** 31), 2 ** 32),
    duplicates: numberOf('duplicates', values.duplicates, 0, 1),
    reconnects: numberOf('reconnects', values.reconnects, 0, 1),
    concurrency: countOf('concurrency', values.concurrency, 1),
    onProgress: (line) => console.log(line),
  };
}

try {
  const run = new ReplayRun(parse(process.argv.slice(2)));
  const report = await run.run();
  for (const violation of run.violations.shown) console.log(violation);
  console.log(JSON.stringify(report));
  process.exitCode = report.violations === 0 ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : `replay failed: ${String(error)}`);
  process.exitCode = isUsage ? 2 : 1;
}
