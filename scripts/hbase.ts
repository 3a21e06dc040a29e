// Runs a real HBase by hand: npm run hbase -- up [--distributed] [--version 2.6.4-hadoop3] [--data DIR]
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';

import { DistributedHBase } from '../cluster/hbase/distributed-hbase.ts';
import { pidDir } from '../cluster/hbase/hbase-rig.ts';
import type { HBaseRig } from '../cluster/hbase/hbase-rig.ts';
import { hbaseVersionDefault } from '../cluster/hbase/install-hbase.ts';
import { StandaloneHBase } from '../cluster/hbase/standalone-hbase.ts';
import { readPidFile } from '../cluster/pid-file.ts';
import { stopRecorded } from '../cluster/service-process.ts';

const stopTimeoutMs = 120_000;
const aliveTickMs = 60_000;
const pollMs = 200;

interface DownOptions {
  readonly data: string;
}
interface UpOptions extends DownOptions {
  readonly distributed?: true;
  readonly version: string;
}

async function up({ distributed, version, data }: UpOptions): Promise<void> {
  const options = { dataDir: data, version, onProgress: (line: string) => console.error(line) };
  const hbase: HBaseRig = distributed ? new DistributedHBase(options) : new StandaloneHBase(options);
  const stopRequest = untilSignal();
  const started = hbase.start().then(() => 'started' as const);
  const first = await Promise.race([started, stopRequest]);
  if (first === 'started') {
    console.log(`ready ${hbase.servers.join(',')}`);
    console.error(`${await stopRequest}: stopping HBase`);
  }
  await hbase.stop();
}

/** Resolves with the first signal that asks us to end; keeps this process alive until then. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    const alive = setInterval(() => undefined, aliveTickMs);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        clearInterval(alive);
        done(signal);
      });
    }
  });
}

/** The `up` that owns the processes stops them in the right order; only orphans are stopped from here. */
async function down({ data }: DownOptions): Promise<void> {
  const pids = pidDir(resolve(data));
  const names = existsSync(pids) ? readdirSync(pids).filter((file) => file.endsWith('.pid')) : [];
  const files = names.map((name) => join(pids, name));
  const found = files.map(readPidFile).filter(({ kind }) => kind !== 'free');
  const owners = new Set(found.flatMap((state) => (state.kind === 'owned' ? [state.ownerPid] : [])));
  for (const owner of owners) process.kill(owner, 'SIGTERM');
  const deadline = performance.now() + stopTimeoutMs;
  while (files.some((file) => readPidFile(file).kind === 'owned') && performance.now() < deadline) {
    await delay(pollMs);
  }
  for (const file of files) await stopRecorded(file, stopTimeoutMs);
  console.log(found.length === 0 ? `nothing runs on ${data}` : `stopped ${found.length} processes of HBase`);
}

const dataOption = ['--data <dir>', 'configuration, logs and data', '.data/hbase'] as const;
const program = new Command('hbase').description('A real HBase on this machine, for development');
program
  .command('up')
  .description('start, print "ready host:port,…", stay in the foreground; Ctrl-C stops it cleanly')
  .option('--distributed', 'ZooKeeper, HDFS, a master and two region servers as processes of their own')
  .option('--version <version>', 'of org.apache.hbase:hbase-server', hbaseVersionDefault)
  .option(...dataOption)
  .action(up);
program
  .command('down')
  .description('stop whatever runs on this data')
  .option(...dataOption)
  .action(down);
try {
  await program.parseAsync();
  process.exit(0); // A start that was interrupted may still be waiting for Maven.
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
