import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { NodeProcess } from '../../cluster/mailring/node-process.ts';
import type { RingReport } from '../../src/admin/control-api.ts';

const startMaxMs = 120_000;
const testMaxMs = 120_000;

describe('a node with another cluster secret, beside one that serves', () => {
  let folder: string;
  let data: string;
  let cluster: NodeCluster;
  let stranger: NodeProcess;
  let secretFile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailring-unreached-'));
    data = join(folder, 'data');
    secretFile = join(folder, 'other-secret');
    const settings = ['--store', 'lmdb', '--data', data];
    cluster = await NodeCluster.start({ count: 1, folder, settings });
    await writeFile(secretFile, 'x'.repeat(64));
    stranger = await NodeProcess.prepare({
      ...{ id: 'n2', folder: join(folder, 'nodes') },
      settings: [...settings, '--cluster-secret-file', secretFile],
    });
  }, startMaxMs);
  afterAll(async () => {
    await stranger.process.stop();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }, startMaxMs);

  const weights = async (): Promise<Record<string, number>> => {
    const authorization = `Bearer ${(await readFile(join(data, 'operator-token'), 'utf8')).trim()}`;
    const answer = await fetch(`${cluster.nodes[0]?.opsUrl ?? ''}/v1/ring`, { headers: { authorization } });
    const { members } = (await answer.json()) as RingReport;
    return Object.fromEntries(members.map(({ nodeId, weight }) => [nodeId, weight]));
  };

  const readiness = async (): Promise<string> => {
    try {
      return await (await fetch(`${stranger.opsUrl}/readyz`)).text();
    } catch (error) {
      return String(error);
    }
  };

  it(
    'gets no users, is not ready and says why; with the secret of the others it comes into service',
    async () => {
      // It is up when it is in service, or has waited for that for long.
      const started = stranger.process.start();
      const unreached = 'not ready: not reached by any other node (n1)\n';
      await expect.poll(readiness, { timeout: 60_000 }).toBe(unreached);
      const log = (): Promise<string> => readFile(join(folder, 'nodes', 'n2.log'), 'utf8');
      await expect.poll(log, { timeout: 60_000 }).toMatch(/gets no users: .*--peer.*cluster secret/);
      expect(await weights()).toEqual({ n1: 100, n2: 0 });
      await started;
      expect(await readiness()).toBe(unreached);
      expect(await weights()).toEqual({ n1: 100, n2: 0 });
      await stranger.process.stop();
      await writeFile(secretFile, await readFile(join(data, 'cluster-secret')));
      await stranger.process.start();
      await expect.poll(readiness, { timeout: 60_000 }).toBe('ready\n');
      expect(await weights()).toEqual({ n1: 100, n2: 100 });
    },
    testMaxMs,
  );
});
