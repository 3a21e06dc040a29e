import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hasDocker } from '../docker.ts';
import { provideFirst } from '../provided-service.ts';
import type { ProvidedService } from '../provided-service.ts';
import { LocalRedis } from './local-redis.ts';

const image = 'redis:7-alpine';
const redisPort = 6379;

/**
 * A Redis to test with, as a URL: the one of `MAILRING_TEST_REDIS`, else a container where Docker is, else a
 * redis-server of this machine. Throws with what to install when none is possible.
 */
export async function provideRedis(onProgress: (line: string) => void): Promise<ProvidedService<string>> {
  const configured = process.env['MAILRING_TEST_REDIS'];
  if (configured) return { address: configured, release: async () => undefined };
  const local = { name: 'redis-server of this machine', provide: () => provideLocal(onProgress) };
  const container = { name: `Docker image ${image}`, provide: provideContainer };
  return provideFirst('Redis', (await hasDocker()) ? [container, local] : [local], onProgress);
}

async function provideLocal(onProgress: (line: string) => void): Promise<ProvidedService<string>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mailring-redis-'));
  const redis = new LocalRedis({ dataDir, onProgress });
  await redis.start();
  const release = async (): Promise<void> => {
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { address: redis.url, release };
}

async function provideContainer(): Promise<ProvidedService<string>> {
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer(image).withExposedPorts(redisPort).start();
  const release = async (): Promise<void> => {
    await container.stop();
  };
  return { address: `redis://${container.getHost()}:${container.getMappedPort(redisPort)}`, release };
}
