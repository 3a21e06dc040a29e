import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { withSchema } from '../../src/node.ts';
import { describeNodeCluster } from '../contract/node-cluster.contract.ts';
import { ensureRedis, hbaseServers } from '../support/services.ts';

describeNodeCluster('HBase and Redis', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mailring-cluster-'));
  const namespace = `cluster_${randomBytes(4).toString('hex')}`;
  const servers = hbaseServers();
  const hbase = { servers, namespace, regionCount: 4 };
  await withSchema(
    loadSettings({ preset: { store: { kind: 'hbase' }, hbase, log: { level: 'silent' } } }),
    (schema) => schema.apply(),
  );
  const secretFile = join(folder, 'secret');
  await writeFile(secretFile, randomBytes(32).toString('hex'));
  const operatorToken = randomBytes(32).toString('hex');
  const tokenFile = join(folder, 'operator-token');
  await writeFile(tokenFile, operatorToken);
  const settings = [
    ...['--operator-token-file', tokenFile],
    ...['--store', 'hbase', '--hbase', servers.join(','), '--hbase-namespace', namespace],
    ...[
      '--redis',
      await ensureRedis(),
      '--cluster-secret-file',
      secretFile,
      '--ring-lease-ms',
      '3000',
      '--groups-fan-out-members-max',
      '8',
    ],
  ];
  const cluster = await NodeCluster.start({ count: 3, folder, settings });
  return {
    cluster,
    operatorToken,
    suspend: ({ process }) => {
      process.signal('SIGSTOP');
      return Promise.resolve();
    },
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
