// Breaks an HBase of its own in every way it knows while 64 writers write, and verifies what the client said.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DistributedHBase } from '../cluster/hbase/distributed-hbase.ts';
import { hbaseVersionDefault } from '../cluster/hbase/install-hbase.ts';
import { systemTime } from '../src/std/time.ts';
import { ChaosRun, seconds } from './chaos-hbase/chaos-run.ts';
import type { ChaosReport } from './chaos-hbase/chaos-run.ts';

const usage = `npm run chaos:hbase -- [options]

  --rounds <n>     how often each fault comes (1)
  --seed <n>       in which order, and when exactly; printed (drawn by chance)
  --version <v>    of HBase, as Maven names it (${hbaseVersionDefault})
  --data <dir>     for HBase, kept afterwards (a temporary folder, kept only after violations)

Prints one JSON object as its last line. Exit code 0: the client kept its word, 1: violations or failure, 2: wrong usage.`;

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly version: string;
  readonly data: string | undefined;
}

class UsageError extends Error {}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`--${name}: a whole number from ${min} to ${max} is expected, not ${text}`);
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      version: { type: 'string', default: hbaseVersionDefault },
      data: { type: 'string' },
    },
  });
  return {
    rounds: wholeNumber('rounds', values.rounds, 1, 1000),
    seed: wholeNumber('seed', values.seed, 0, 1_000_000),
    version: values.version,
    data: values.data,
  };
}

function printDetails(run: ChaosRun): void {
  const { conflicts, reads, failedReads } = run.watch.counts;
  console.log(`${conflicts} refused conditions, ${reads} reads, ${failedReads} failed reads`);
  for (const [what, count] of run.watch.failures()) console.log(`failed: ${what} ${count}`);
  console.log(`latest after its deadline: ${Math.max(0, Math.round(run.watch.overrunMs))} ms`);
  for (const { kind, gapMs } of run.gaps) console.log(`longest gap: ${kind} ${seconds(gapMs)}`);
  for (const violation of run.violations.shown) console.log(`VIOLATION ${violation}`);
}

async function chaos({ rounds, seed, version, data }: Options): Promise<ChaosReport> {
  const dataDir = data ?? mkdtempSync(join(tmpdir(), 'mailring-chaos-'));
  console.log(`HBase ${version}, ${rounds} rounds, seed ${seed}, data and logs in ${dataDir}`);
  const hbase = new DistributedHBase({ dataDir, version, onProgress: (line) => console.error(line) });
  let report: ChaosReport | undefined;
  try {
    await hbase.start();
    const run = new ChaosRun({
      hbase,
      rounds,
      seed,
      time: systemTime,
      onProgress: (line) => console.log(line),
    });
    report = await run.run().finally(() => printDetails(run));
  } finally {
    await hbase.stop();
    const isClean = report?.violations === 0;
    if (isClean && data === undefined) rmSync(dataDir, { recursive: true, force: true });
    else console.log(`seed ${seed}; the logs of HBase are in ${join(dataDir, 'logs')}`);
  }
  return report;
}

try {
  const report = await chaos(parse(process.argv.slice(2)));
  console.log(JSON.stringify(report));
  process.exit(report.violations === 0 ? 0 : 1); // a call that hangs is no reason to stay
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : error);
  process.exit(isUsage ? 2 : 1);
}
