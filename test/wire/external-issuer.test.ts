import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { KeyPublisher } from '../support/key-publisher.ts';
import { messageId, WireClient } from '../support/wire-client.ts';

let data: string;
let publisher: KeyPublisher;
let node: RunningNode;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'mailring-issuer-'));
  publisher = await KeyPublisher.start();
  const { issuer, audience, url: jwksUrl } = publisher;
  const override = {
    id: 'n1',
    listen: '127.0.0.1:0',
    ops: '127.0.0.1:0',
    peer: '127.0.0.1:0',
    data,
    log: { level: 'silent' },
    auth: { issuer, audience, jwksUrl },
  } as const;
  node = await startNode(loadSettings({ preset: { ...developmentPreset, ...override } }));
});
afterAll(async () => {
  await node.stop();
  await publisher.stop();
  await rm(data, { recursive: true });
});

const open = async (userId: string, deviceId?: string): Promise<WireClient> =>
  WireClient.open(
    `${node.url.replace('http', 'ws')}/v1/ws`,
    await publisher.sign({ sub: userId, name: userId.toUpperCase() }),
    deviceId === undefined ? {} : { deviceId },
  );

it('a first valid token makes the user, whoever of several connections comes first', async () => {
  const anns = await Promise.all(['d1', 'd2', 'd3'].map((deviceId) => open('ann', deviceId)));
  const bob = await open('bob');
  const sent = await bob.result('sendMessage', {
    to: 'ann',
    text: 'hello',
    messageId: messageId('bob', 'x'),
  });
  expect(sent).toMatchObject({ conversationId: 'dm:ann:bob', duplicate: false });
  const list = await anns[0]!.result('getConversations', {});
  expect(list['conversations']).toMatchObject([{ name: 'BOB', unread: 1 }]);
  for (const client of [...anns, bob]) client.close();
});

it('nobody is reached who has never come', async () => {
  const bob = await open('bob');
  const message = { to: 'nobody', text: 'hello', messageId: messageId('bob', 'y') };
  expect(await bob.errorOf('sendMessage', message)).toBe('not_found');
  bob.close();
});

it.each(['/v1/users', '/v1/sessions'])('%s is off', async (path) => {
  const body = JSON.stringify({ userId: 'carl', name: 'Carl', password: 'password' });
  const answer = await fetch(`${node.url}${path}`, { method: 'POST', body });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { data: { kind: 'not_found' } } });
});
