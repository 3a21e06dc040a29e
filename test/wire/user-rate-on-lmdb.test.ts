import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';

const ratePerSecond = 10;
/** What a user may call at once: five seconds of the rate. */
const burst = 5 * ratePerSecond;
const callsPerNode = 200;

let folder: string;
let cluster: NodeCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-rate-'));
  const settings = [
    ...['--store', 'lmdb', '--data', join(folder, 'data')],
    ...['--session-routing', 'proxy', '--limits-requests-per-second-per-user', String(ratePerSecond)],
  ];
  cluster = await NodeCluster.start({ count: 3, folder, settings });
}, 120_000);

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

async function register(userId: string): Promise<string> {
  const answer = await fetch(`${cluster.nodes[0]?.httpUrl}/v1/users`, {
    method: 'POST',
    body: JSON.stringify({ userId, name: userId, password: 'pw' }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { token: string }).token;
}

interface Device {
  readonly deviceId: string;
  readonly client: WireClient;
}

/** Messages one after the other without waiting for answers, and what became of each. */
function flood({ client, deviceId }: Device): Promise<string[]> {
  const sent = Array.from({ length: callsPerNode }, async (_, index) => {
    const id = messageId('greedy', `m${index}`, Date.now(), deviceId);
    return errorText(await client.call('sendMessage', { to: 'sink', text: 'x', messageId: id }));
  });
  return Promise.all(sent);
}

it('G10: a user who floods every node has one rate, not one at each of them', async () => {
  const token = await register('greedy');
  await register('sink');
  const devices = await Promise.all(
    cluster.nodes.map(async ({ id, wsUrl }) => ({
      deviceId: id,
      client: await WireClient.open(wsUrl, token, { deviceId: id }),
    })),
  );
  const startedMs = performance.now();
  const answers = (await Promise.all(devices.map(flood))).flat();
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const { client } of devices) client.close();

  const accepted = answers.filter((answer) => answer === 'no error').length;
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThanOrEqual(burst + ratePerSecond * seconds);
  expect(answers).toContain('rate_limited');
});
