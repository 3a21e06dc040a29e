// Kills Redis for a while under load, on three nodes over a real HBase, and verifies that nobody noticed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RedisAwayRun } from './chaos-redis/redis-away-run.ts';

const usage = `npm run chaos:redis -- --hbase host:port,… [--seconds 60]

  --hbase <servers>  of a running HBase, as "npm run hbase -- up" prints them
  --seconds <n>      for which Redis is away (60)

Prints one JSON object as its last line. Exit code 0: no send failed, nothing was lost or stale, nobody was removed;
1: otherwise, 2: wrong usage.`;

function optionsOf(args: string[]): { hbaseServers: string[]; awayMs: number } | undefined {
  const { values } = parseArgs({
    args,
    options: { hbase: { type: 'string' }, seconds: { type: 'string', default: '60' } },
  });
  const seconds = Number(values.seconds);
  if (values.hbase === undefined || !Number.isInteger(seconds) || seconds < 1 || seconds > 3_600)
    return undefined;
  return { hbaseServers: values.hbase.split(','), awayMs: seconds * 1_000 };
}

let options: ReturnType<typeof optionsOf>;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}\n`);
}
if (options === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'mailring-chaos-redis-'));
  const onProgress = (line: string): void => {
    console.log(line);
  };
  const run = new RedisAwayRun({ ...options, folder, onProgress });
  const report = await run.run().finally(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  console.log(JSON.stringify(report));
  const { violations, failedSends, viewChanges, ackedWhileAway } = report;
  const isClean =
    violations.length === 0 && failedSends.length === 0 && viewChanges === 0 && ackedWhileAway > 0;
  process.exitCode = isClean ? 0 : 1;
}
