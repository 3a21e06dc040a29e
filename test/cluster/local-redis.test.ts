import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';

import { LocalRedis } from '../../cluster/redis/local-redis.ts';
import { ensureRedis } from '../support/services.ts';

async function withClient<Result>(url: string, use: (client: Redis) => Promise<Result>): Promise<Result> {
  const client = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

it('a test gets a Redis by asking, and the same one again', async () => {
  const url = await ensureRedis();
  expect(await withClient(url, (client) => client.ping())).toBe('PONG');
  expect(await ensureRedis()).toBe(url);
});

it('a durable Redis has its data after a kill, on the same port', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mailring-redis-test-'));
  const redis = new LocalRedis({ dataDir, isDurable: true });
  try {
    await redis.start();
    const url = redis.url;
    await withClient(url, (client) => client.set('epoch', '7'));
    await redis.kill('redis');
    await redis.start();
    expect(redis.url).toBe(url);
    expect(await withClient(url, (client) => client.get('epoch'))).toBe('7');
  } finally {
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
