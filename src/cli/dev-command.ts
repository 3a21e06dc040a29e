import { Command, InvalidArgumentError } from 'commander';
import { DevCluster } from './dev-cluster.ts';
import { claimDevFolder } from './dev-folder.ts';
import { devOpsOffset, devPlans, type DevPlace } from './dev-plans.ts';
import { startFailure } from './start-failure.ts';

const nodesMax = 16;
const portMax = 65_535 - devOpsOffset - nodesMax;
/** Signals this soon after the first one are the same Ctrl-C, passed on by npm and the launcher. */
const sameSignalMs = 500;

const wholeNumber = (minimum: number, maximum: number) => (value: string) => {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || value.trim() === '' || number < minimum || number > maximum) {
    throw new InvalidArgumentError(`a whole number from ${minimum} to ${maximum} is expected.`);
  }
  return number;
};

/** `mailring dev`, also `npm start`: a development cluster on the embedded store; nothing else has to run. */
export function devCommand(): Command {
  return new Command('dev')
    .description('run a cluster on this machine on the embedded store, with the web client at each node')
    .option('--nodes <n>', 'nodes to run, each a process', wholeNumber(1, nodesMax), 3)
    .option(
      '--port <port>',
      'node i (from 0) serves clients at port + i, operations at port + 100 + i',
      wholeNumber(1, portMax),
      7400,
    )
    .option('--data <dir>', 'where messages and keys are kept', '.data')
    .action(async (flags: DevPlace) => {
      await keepFolder(flags.data);
      const cluster = new DevCluster();
      const isStopping = stopAtSignal(cluster);
      const started = cluster.start(devPlans(flags)).then(() => 'started' as const);
      const outcome = await Promise.race([started, cluster.failed.promise]);
      const exitCode = outcome === 'started' ? await cluster.failed.promise : outcome;
      if (isStopping()) return;
      await cluster.stop();
      process.exit(exitCode);
    });
}

/** Ends this process where the folder can't be this cluster's. */
async function keepFolder(folder: string): Promise<void> {
  const obstacle = await claimDevFolder(folder).then(
    (isOurs) => (isOurs ? undefined : `a cluster runs in ${folder} already; --data names another folder`),
    startFailure,
  );
  if (obstacle === undefined) return;
  process.stderr.write(`mailring could not start: ${obstacle}\n`);
  process.exit(1);
}

/** @returns whether a signal has come */
function stopAtSignal(cluster: DevCluster): () => boolean {
  let firstMs: number | undefined;
  const stop = (): void => {
    const nowMs = performance.now();
    if (firstMs === undefined) {
      firstMs = nowMs;
      void cluster.stop().then(() => process.exit(0));
    } else if (nowMs - firstMs > sameSignalMs) {
      process.exit(1);
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return () => firstMs !== undefined;
}
