import { afterAll, inject } from 'vitest';

import type { ProvidedService } from '../../cluster/provided-service.ts';
import { provideRedis } from '../../cluster/redis/provide-redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    hbaseServers: string[];
  }
}

/** `host:port` of the HBase that all tests of the project `services` share: give tables names of your own. */
export function hbaseServers(): string[] {
  return inject('hbaseServers');
}

let redis: Promise<ProvidedService<string>> | undefined;

/** The URL of a Redis of this test file alone, started when a test asks for it. */
export async function ensureRedis(): Promise<string> {
  redis ??= provideRedis((line) => console.error(line));
  return (await redis).address;
}

afterAll(async () => {
  const provided = await redis;
  redis = undefined;
  await provided?.release();
});
