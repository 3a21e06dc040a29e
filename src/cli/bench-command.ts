import { Command, InvalidArgumentError, Option } from 'commander';
import { wsUrlOf } from '../client/account-api.ts';
import { reportText, scenarios } from './bench/bench-report.ts';
import type { BenchReport, Scenario } from './bench/bench-report.ts';
import { runBench, type BenchOptions } from './bench/bench-run.ts';
import { absentAccounts } from './bench/load-account.ts';
import { startOwnCluster } from './bench/own-cluster.ts';
import { opsUrlOf } from './bench/node-cpu.ts';

interface BenchFlags {
  readonly url?: readonly string[];
  readonly ops?: readonly string[];
  readonly scenario: Scenario;
  readonly pairs: number;
  readonly members: number;
  readonly online?: number;
  readonly inflight: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly rate?: number;
  readonly fill: number;
  readonly json?: true;
}

const usageExitCode = 2;

const atLeast = (minimum: number, whole: boolean) => (value: string) => {
  const number = Number(value);
  if (value.trim() === '' || !(number >= minimum) || (whole && !Number.isSafeInteger(number))) {
    throw new InvalidArgumentError(`${whole ? 'a whole number' : 'a number'} from ${minimum} is expected.`);
  }
  return number;
};

const eachAddress =
  (protocols: readonly string[]) =>
  (value: string, before: readonly string[] = []): readonly string[] => {
    const protocol = URL.canParse(value) ? new URL(value).protocol : '';
    if (!protocols.includes(protocol)) {
      throw new InvalidArgumentError(
        `an address that begins with ${protocols.join('// or ')}// is expected.`,
      );
    }
    return [...before, value];
  };

/** `mailring bench`: loads running nodes and reports what they did. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description('load generator: registers users, lets them chat and reports rates, latencies and CPU')
    .option(
      '--url <ws-url>',
      'a node to load; repeat for more (scenario group, by default: three nodes on this machine, for this run only)',
      eachAddress(['ws:']),
    )
    .option(
      '--ops <http-url>',
      "a node's operations address, for its CPU (default: port + 100); repeat for more",
      eachAddress(['http:', 'https:']),
    )
    .addOption(new Option('--scenario <name>', 'what the users do').choices(scenarios).default('dm'))
    .option('--pairs <n>', 'pairs of users', atLeast(1, true), 100)
    .option('--members <n>', 'members of the group (scenario group)', atLeast(2, true), 100)
    .option('--online <n>', 'members that are connected and write (default: all)', atLeast(2, true))
    .option('--inflight <n>', 'requests each user keeps under way', atLeast(1, true), 16)
    .option('--seconds <n>', 'how long to measure', atLeast(0.1, false), 20)
    .option('--warmup <n>', 'seconds of load before measuring', atLeast(0, false), 2)
    .option(
      '--rate <n>',
      'requests a second in all, on a fixed schedule (default: as many as go)',
      atLeast(0.1, false),
    )
    .option('--fill <n>', 'messages in each history before it is read', atLeast(1, true), 400)
    .option('--json', 'print the report as one JSON object on the last line')
    .action(async (flags: BenchFlags) => {
      await bench(command, flags);
    });
  return command;
}

async function bench(command: Command, flags: BenchFlags): Promise<void> {
  const { scenario, json } = flags;
  if (flags.online !== undefined && flags.online > flags.members) {
    command.error('error: --online is at most --members', { exitCode: usageExitCode });
  }
  if (flags.url === undefined && scenario !== 'group') {
    command.error(
      'error: --url is needed, as in --url ws://127.0.0.1:7400; without it only --scenario group runs',
      { exitCode: usageExitCode },
    );
  }
  if (scenario === 'connect' && flags.rate !== undefined) {
    command.error('error: --rate does not go with the connect scenario', { exitCode: usageExitCode });
  }
  try {
    const report = await (flags.url === undefined ? benchOfOwn(flags) : benchOf(flags, flags.url));
    process.stdout.write(`${json === true ? JSON.stringify(report) : reportText(report)}\n`);
    if (report.ackedPerSecond === 0) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`bench failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

function onProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function benchOf(flags: BenchFlags, urls: readonly string[]): Promise<BenchReport> {
  const wsUrls = urls.map(wsUrlOf);
  const opsUrls = flags.ops ?? wsUrls.map(opsUrlOf);
  return runBench({ ...optionsOf(flags, newRun()), wsUrls, opsUrls, hasAbsent: false });
}

async function benchOfOwn(flags: BenchFlags): Promise<BenchReport> {
  const { scenario, members, online = members } = flags;
  const run = newRun();
  onProgress('starting three nodes');
  const absent = scenario === 'group' ? absentAccounts(run, online, members - online) : [];
  const { wsUrls, opsUrls, stop } = await startOwnCluster(absent.map(({ userId }) => userId));
  try {
    return await runBench({ ...optionsOf(flags, run), wsUrls, opsUrls, hasAbsent: true });
  } finally {
    await stop();
  }
}

function newRun(): string {
  return `b${Date.now().toString(36)}`;
}

function optionsOf(flags: BenchFlags, run: string): Omit<BenchOptions, 'wsUrls' | 'opsUrls' | 'hasAbsent'> {
  const { scenario } = flags;
  return {
    run,
    scenario,
    pairs: flags.pairs,
    members: flags.members,
    online: flags.online ?? flags.members,
    inflight: flags.inflight,
    seconds: flags.seconds,
    warmUpSeconds: flags.warmup,
    rate: flags.rate,
    fill: flags.fill,
    onProgress,
  };
}
