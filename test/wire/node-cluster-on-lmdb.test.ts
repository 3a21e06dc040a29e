import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { describeNodeCluster } from '../contract/node-cluster.contract.ts';

describeNodeCluster('LMDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mailring-cluster-'));
  const operatorToken = randomBytes(32).toString('hex');
  const tokenFile = join(folder, 'operator-token');
  await writeFile(tokenFile, operatorToken);
  const settings = [
    ...[
      '--store',
      'lmdb',
      '--data',
      join(folder, 'data'),
      '--ring-lease-ms',
      '3000',
      '--groups-fan-out-members-max',
      '8',
    ],
    ...['--operator-token-file', tokenFile],
  ];
  const cluster = await NodeCluster.start({ count: 3, folder, settings });
  return {
    cluster,
    operatorToken,
    suspend: (node) => cluster.suspendUnlocked(node),
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
