import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { loadSettings } from '../../config/load-settings.ts';
import { seedAccounts } from '../../node.ts';
import { DevCluster } from '../dev-cluster.ts';
import { devConfigPath, devOpsOffset, devPlans } from '../dev-plans.ts';

/** Nodes that are there for one bench. */
export interface OwnCluster {
  readonly wsUrls: readonly string[];
  readonly opsUrls: readonly string[];
  /** Ends the nodes and removes what they have stored. */
  readonly stop: () => Promise<void>;
}

const nodes = 3;
const triesMax = 20;
const firstPort = 21_000;
const portRange = 20_000;

/**
 * Three nodes on loopback over the embedded store in a folder of their own, of which these users exist from the
 * beginning. Rejects with Error where that cannot be.
 */
export async function startOwnCluster(seeds: readonly string[]): Promise<OwnCluster> {
  const data = await mkdtemp(join(tmpdir(), 'mailring-bench-'));
  const cluster = new DevCluster(process.stderr.fd);
  const stop = async (): Promise<void> => {
    await cluster.stop();
    await rm(data, { recursive: true, force: true });
  };
  try {
    const settings = loadSettings({ flags: { data }, env: process.env, file: devConfigPath });
    if (seeds.length > 0) await seedAccounts(settings, seeds);
    const port = await freePort();
    const started = cluster.start(devPlans({ nodes, port, data })).then(() => 'started' as const);
    const outcome = await Promise.race([started, cluster.failed.promise]);
    if (outcome !== 'started') throw new Error('the nodes of the bench could not be started');
    const ports = Array.from({ length: nodes }, (_, index) => port + index);
    return {
      wsUrls: ports.map((each) => `ws://127.0.0.1:${each}/v1/ws`),
      opsUrls: ports.map((each) => `http://127.0.0.1:${each + devOpsOffset}`),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first of the ports of all nodes; somebody else may take them before the nodes do, which then end. */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = firstPort + Math.floor(Math.random() * portRange);
    const wanted = Array.from({ length: nodes }, (_, index) => [port + index, port + devOpsOffset + index]);
    if ((await Promise.all(wanted.flat().map(isFree))).every(Boolean)) return port;
  }
  throw new Error('no free ports for the nodes of the bench');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen(port, '127.0.0.1');
  const free = await listening;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
