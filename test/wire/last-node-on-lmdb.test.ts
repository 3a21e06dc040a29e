import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { messageId } from '../support/wire-client.ts';

const users = Array.from({ length: 12 }, (_, index) => `u${index}`);
const leaseMs = 1_500;
const testMaxMs = 240_000;
const servedMaxMs = 120_000;

/** Every one of them has a conversation with the next. */
const nextOf = (userId: string): string => users[(users.indexOf(userId) + 1) % users.length] ?? '';

describe('two of three nodes on LMDB', () => {
  let folder: string;
  let cluster: NodeCluster;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailring-last-node-'));
    const ring = [
      '--ring-lease-ms',
      String(leaseMs),
      '--ring-alone-ms',
      '0',
      '--ring-removal-window-ms',
      '2000',
    ];
    const settings = ['--store', 'lmdb', '--data', join(folder, 'data'), ...ring];
    cluster = await NodeCluster.start({ count: 3, folder, settings });
  }, testMaxMs);
  afterAll(async () => {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }, testMaxMs);

  const register = async (node: NodeProcess, userId: string): Promise<void> => {
    const body = JSON.stringify({ userId, name: userId, password: 'pw' });
    const answer = await fetch(`${node.httpUrl}/v1/users`, { method: 'POST', body });
    expect(answer.status).toBe(201);
    tokens.set(userId, ((await answer.json()) as { token: string }).token);
  };

  /** The result, or what was refused. */
  const ask = async (node: NodeProcess, userId: string, method: string, params: object): Promise<unknown> => {
    const headers = { authorization: `Bearer ${tokens.get(userId) ?? ''}`, 'x-device-id': 'd1' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await fetch(`${node.httpUrl}/v1/rpc`, { method: 'POST', headers, body });
    const reply = (await answer.json()) as { result?: unknown; error?: unknown };
    return reply.result ?? reply;
  };

  const send = (node: NodeProcess, from: string, text: string): Promise<unknown> =>
    ask(node, from, 'sendMessage', { to: nextOf(from), text, messageId: messageId(from, text) });

  it(
    'G1: are killed at once and stay away: the third serves all users, without an operator, and they come back',
    async () => {
      const [n1, n2, n3] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
      for (const userId of users) await register(n3, userId);
      for (const userId of users)
        expect(await send(n3, userId, 'before')).toMatchObject({ duplicate: false });

      await Promise.all([n1.process.kill('SIGKILL'), n2.process.kill('SIGKILL')]);

      for (const userId of users) {
        const read = (): Promise<unknown> => ask(n3, userId, 'getConversations', { limit: 10, offset: 0 });
        await expect.poll(read, { timeout: servedMaxMs }).toMatchObject({ conversations: [{}, {}] });
      }
      await cluster.untilAgreed([n3], servedMaxMs);
      for (const userId of users) expect(await send(n3, userId, 'after')).toMatchObject({ duplicate: false });
      for (const userId of users) {
        const [a = '', b = ''] = [userId, nextOf(userId)].sort();
        const page = { conversationId: `dm:${a}:${b}`, limit: 10 };
        const read = (): Promise<unknown> => ask(n3, nextOf(userId), 'getMessages', page);
        await expect
          .poll(read, { timeout: servedMaxMs })
          .toMatchObject({ messages: [{ text: 'after' }, { text: 'before' }] });
      }

      await Promise.all([n1.process.start(), n2.process.start()]);
      await cluster.untilAgreed(cluster.nodes, servedMaxMs);
    },
    testMaxMs,
  );
});
