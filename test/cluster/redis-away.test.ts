import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RedisAwayRun } from '../../scripts/chaos-redis/redis-away-run.ts';
import { hbaseServers } from '../support/services.ts';

const testMaxMs = 480_000;
/** `npm run chaos:redis` does it for a minute. */
const awayMs = 15_000;

it(
  'G1 to G9: with Redis killed for a while no send fails, no read is stale, and nobody is removed',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-redis-away-'));
    try {
      const onProgress = (): undefined => undefined;
      const run = new RedisAwayRun({ hbaseServers: hbaseServers(), folder, awayMs, onProgress });
      const report = await run.run();
      expect(report).toMatchObject({ violations: [], failedSends: [], viewChanges: 0 });
      expect(report.ackedWhileAway).toBeGreaterThan(100);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  testMaxMs,
);
