import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hasDocker } from '../docker.ts';
import { provideFirst } from '../provided-service.ts';
import type { ProvidedService } from '../provided-service.ts';
import { StandaloneHBase } from './standalone-hbase.ts';

const connectTimeoutMs = 5_000;

/**
 * An HBase to test with, as a list of `host:port`: the one of `MAILRING_TEST_HBASE` (comma-separated), else
 * a container where Docker is, else one from Maven on this machine. Throws with what to install when none is
 * possible.
 */
export async function provideHBase(onProgress: (line: string) => void): Promise<ProvidedService<string[]>> {
  const configured = process.env['MAILRING_TEST_HBASE'];
  if (configured) return provideConfigured(configured);
  const local = { name: 'HBase from Maven on this machine', provide: () => provideLocal(onProgress) };
  if (!(await hasDocker())) return provideFirst('HBase', [local], onProgress);
  const { containerImage, provideContainerHBase } = await import('./container-hbase.ts');
  const container = { name: `HBase in Docker image ${containerImage}`, provide: provideContainerHBase };
  return provideFirst('HBase', [container, local], onProgress);
}

async function provideConfigured(list: string): Promise<ProvidedService<string[]>> {
  const servers = list
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');
  const answers = await Promise.all(servers.map(answersAt));
  if (!answers.includes(true)) throw new Error(`MAILRING_TEST_HBASE=${list}: nobody answers there`);
  return { address: servers, release: async () => undefined };
}

async function provideLocal(onProgress: (line: string) => void): Promise<ProvidedService<string[]>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mailring-hbase-'));
  const hbase = new StandaloneHBase({ dataDir, onProgress });
  await hbase.start();
  const release = async (): Promise<void> => {
    // Nobody needs the data again, so that a clean stop would only take time.
    for (const name of hbase.processNames) {
      if (hbase.pid(name) !== undefined) await hbase.kill(name);
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  return { address: hbase.servers, release };
}

function answersAt(server: string): Promise<boolean> {
  const separator = server.lastIndexOf(':');
  const host = server.slice(0, separator);
  const port = Number(server.slice(separator + 1));
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectTimeoutMs });
    const settle = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
