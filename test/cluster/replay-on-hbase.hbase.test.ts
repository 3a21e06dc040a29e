import { expect, test } from 'vitest';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { withSchema } from '../../src/node.ts';
import { replayOnOwnNode } from '../support/replay-process.ts';
import { hbaseServers } from '../support/services.ts';

const testTimeoutMs = 300_000;

test(
  'G1, G2, G3, G5, G8, G9: a replay on HBase holds over repeats, reconnects, evictions and kill -9',
  async () => {
    const namespace = `replay${Date.now().toString(36)}`;
    const servers = hbaseServers();
    const settings = loadSettings({
      preset: {
        ...developmentPreset,
        store: { kind: 'hbase' },
        hbase: { servers, namespace, regionCount: 4 },
      },
    });
    await withSchema(settings, (schema) => schema.apply());
    const hbase = ['--store', 'hbase', '--hbase', servers.join(), '--hbase-namespace', namespace];
    const report = await replayOnOwnNode({ messages: 2_000, users: 50, kills: 2, seed: 4 }, [
      ...hbase,
      '--cache-budget-bytes',
      '1MiB',
    ]);
    expect(report).toMatchObject({ acked: 2_000, violations: 0, kills: 2 });
    expect(report.cache.evictedTiers).toBeGreaterThan(0);
    expect(report.cache.misses).toBeGreaterThan(0);
  },
  testTimeoutMs,
);
