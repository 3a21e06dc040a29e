// Measures src/hbase beside Java's asynchronous client and hbase-rpc-client, in one run, against an HBase of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { hbaseVersionDefault, installHBase } from '../cluster/hbase/install-hbase.ts';
import { StandaloneHBase } from '../cluster/hbase/standalone-hbase.ts';
import { marksOf, runBench, tableOf } from './bench-hbase/bench-run.ts';
import type { BenchReport } from './bench-hbase/bench-run.ts';
import { prepareBenchTable } from './bench-hbase/bench-table.ts';
import { startClients } from './bench-hbase/client-commands.ts';

const usage = `npm run bench:hbase -- [options]

  --seconds <n>    of each figure, in slices of a second between which the clients take turns (5)
  --warm-up <n>    seconds of load by each client before that (20)
  --version <v>    of HBase, as Maven names it (${hbaseVersionDefault})
  --json           print nothing but the report to standard output

Prints a table and, as its last line, one JSON object:
{get|put|conditionalPut|wideGet: {"1"|"64"|"256": {ours|java|hbaseRpcClient: {opsPerSecond, p99Ms, cpuMicros}}}}`;

interface Options {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly version: string;
  readonly json: boolean;
}

class UsageError extends Error {}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '20' },
      version: { type: 'string', default: hbaseVersionDefault },
      json: { type: 'boolean', default: false },
    },
  });
  const secondsOf = (name: string, text: string): number => {
    const value = Number(text);
    if (value > 0 && value <= 3600) return value;
    throw new UsageError(`--${name}: seconds up to 3600 are expected, not ${text}`);
  };
  return {
    seconds: secondsOf('seconds', values.seconds),
    warmUpSeconds: secondsOf('warm-up', values['warm-up']),
    version: values.version,
    json: values.json,
  };
}

function onProgress(line: string): void {
  console.error(line);
}

async function bench({ seconds, warmUpSeconds, version }: Options): Promise<BenchReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mailring-bench-hbase-'));
  const hbase = new StandaloneHBase({ dataDir, version, onProgress });
  try {
    const installation = await installHBase(version, onProgress);
    await hbase.start();
    await prepareBenchTable(hbase.servers);
    const { servers, zookeeper } = hbase;
    const clients = await startClients({ installation, servers, zookeeper }, join(dataDir, 'classes'));
    try {
      return await runBench({ clients, seconds, warmUpSeconds, onProgress });
    } finally {
      for (const client of clients) client.kill();
    }
  } finally {
    // Nobody needs the data again, so that a clean stop would only take time.
    for (const name of hbase.processNames) if (hbase.pid(name) !== undefined) await hbase.kill(name);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

try {
  const options = parse(process.argv.slice(2));
  const report = await bench(options);
  const print = options.json ? console.error : console.log;
  for (const line of [...tableOf(report), ...marksOf(report)]) print(line);
  console.log(JSON.stringify(report));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? `${error.message}\n\n${usage}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
