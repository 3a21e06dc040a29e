import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { DevCluster, type DevNodePlan } from './dev-cluster.ts';

interface DevFlags {
  readonly nodes: number;
  readonly port: number;
  readonly data: string;
}

/** Settings of every node; variables win over them. */
const configPath = fileURLToPath(new URL('../../config/development.json', import.meta.url));
/** Operations of node i are at port + 100 + i. */
const opsOffset = 100;
const nodesMax = 16;
const portMax = 65_535 - opsOffset - nodesMax;
/** Signals this soon after the first one are the same Ctrl-C, passed on by npm and the launcher. */
const sameSignalMs = 500;

const wholeNumber = (minimum: number, maximum: number) => (value: string) => {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || value.trim() === '' || number < minimum || number > maximum) {
    throw new InvalidArgumentError(`a whole number from ${minimum} to ${maximum} is expected.`);
  }
  return number;
};

function plansOf({ nodes, port, data }: DevFlags): DevNodePlan[] {
  return Array.from({ length: nodes }, (_, index) => {
    const id = `n${index + 1}`;
    const places = {
      id,
      config: configPath,
      listen: `127.0.0.1:${port + index}`,
      ops: `127.0.0.1:${port + opsOffset + index}`,
      // The nodes tell each other where.
      peer: '127.0.0.1:0',
      data,
      // Each is a commit of the embedded store here, on somebody's laptop; a take-over comes some 2 s later for it.
      'ring-sign-ms': '1s',
    };
    return { id, args: Object.entries(places).flatMap(([flag, value]) => [`--${flag}`, value]) };
  });
}

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
    .action(async (flags: DevFlags) => {
      const cluster = new DevCluster();
      const isStopping = stopAtSignal(cluster);
      const started = cluster.start(plansOf(flags)).then(() => 'started' as const);
      const outcome = await Promise.race([started, cluster.failed.promise]);
      const exitCode = outcome === 'started' ? await cluster.failed.promise : outcome;
      if (isStopping()) return;
      await cluster.stop();
      process.exit(exitCode);
    });
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
