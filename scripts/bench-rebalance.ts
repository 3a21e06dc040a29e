// Moves users between real nodes under a steady load, kills what can be killed meanwhile, and measures what users see.
import { parseArgs } from 'node:util';
import { runScenario, type ScenarioReport } from './bench-rebalance/bench-run.ts';
import { BenchStand } from './bench-rebalance/bench-stand.ts';
import { scenarios, type Scenario } from './bench-rebalance/scenarios.ts';
import { steadyRate } from './bench-rebalance/steady-rate.ts';

const usage = `npm run bench:rebalance -- [options]

  --store lmdb|hbase   what the nodes keep their rows in (lmdb); hbase: with a real one, and Redis
  --seconds <n>        load before and after each change, together (20)
  --users <n>          users, in pairs that write to each other (200)
  --rate <n>           messages a second (60% of what the machine does, measured first)
  --only <names>       ${scenarios.map(({ name }) => name).join(',')}
  --json               print one JSON object as the last line

Exit code 0: nothing was lost or doubled, 1: something was, or a scenario could not be carried out, 2: wrong usage.
What the figures mean is in docs/rebalancing.md.`;

interface Plan {
  readonly store: 'lmdb' | 'hbase';
  readonly seconds: number;
  readonly users: number;
  readonly rate: number | undefined;
  readonly scenarios: readonly Scenario[];
  readonly isJson: boolean;
}

class UsageError extends Error {}

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && Number.isFinite(value)) return value;
  throw new UsageError(`--${name}: a number from ${min} on is expected, not ${text}`);
}

function parse(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      store: { type: 'string', default: 'lmdb' },
      seconds: { type: 'string', default: '20' },
      users: { type: 'string', default: '200' },
      rate: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { store } = values;
  if (store !== 'lmdb' && store !== 'hbase') throw new UsageError('--store: lmdb or hbase is expected');
  const possible = scenarios.filter((one) => one.store === undefined || one.store === store);
  const wanted = values.only?.split(',');
  const unknown = wanted?.find((name) => !possible.some((one) => one.name === name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no ${unknown} on ${store}`);
  return {
    store,
    seconds: numberOf('seconds', values.seconds, 1),
    users: 2 * Math.ceil(numberOf('users', values.users, 2) / 2),
    rate: values.rate === undefined ? undefined : numberOf('rate', values.rate, 1),
    scenarios: possible.filter(({ name }) => wanted?.includes(name) ?? true),
    isJson: values.json,
  };
}

const progress = (line: string): void => console.error(line);

function table(reports: ReadonlyMap<string, ScenarioReport>): string {
  const rows = [...reports].map(([name, report]) => {
    const { errors, lost, doubled, pauseMs, pauseBeforeMs, takeoverMs } = report;
    const { p50, p99, max } = pauseMs;
    return [
      ...[name, errors, lost, doubled, p50, p99, max, pauseBeforeMs.p99],
      ...[report.ackP99Ratio ?? '-', report.warmShare ?? '-', takeoverMs ?? '-'],
    ].join('\t');
  });
  const head = [
    'scenario',
    'errors',
    'lost',
    'doubled',
    'pause p50',
    'p99',
    'max ms',
    'p99 before',
    'ack p99 ratio',
    'warm',
    'takeover ms',
  ];
  return [head.join('\t'), ...rows].join('\n');
}

/** Whether all scenarios were carried out, and nothing was lost or doubled. */
async function bench(plan: Plan): Promise<boolean> {
  const { store, users, seconds } = plan;
  const stand = await BenchStand.open(store, progress);
  const reports = new Map<string, ScenarioReport>();
  let isClean = true;
  try {
    const messagesPerSecond = plan.rate ?? (await steadyRate(stand, users, progress));
    for (const scenario of plan.scenarios) {
      try {
        const report = await runScenario(scenario, stand, { users, seconds, messagesPerSecond }, progress);
        reports.set(scenario.name, report);
        progress(`${scenario.name}: ${JSON.stringify(report)}`);
        isClean &&= report.lost === 0 && report.doubled === 0;
      } catch (error) {
        isClean = false;
        progress(`${scenario.name} could not be carried out: ${String(error)}`);
      }
    }
  } finally {
    await stand.close(!isClean);
    if (!isClean) progress(`logs and data of the nodes are in ${stand.folder}`);
  }
  console.log(plan.isJson ? JSON.stringify({ scenarios: Object.fromEntries(reports) }) : table(reports));
  return isClean;
}

try {
  process.exitCode = (await bench(parse(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
