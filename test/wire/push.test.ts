import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { PushReceiver } from '../../scripts/push-receiver/push-receiver.ts';
import type { ReceivedNotice } from '../../scripts/push-receiver/push-receiver.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { messageId, WireClient } from '../support/wire-client.ts';

const secret = 'a secret that only the receiver knows';
/** Short, as tests wait for it; long enough for a device that is there at once. */
const delayMs = 300;
let data: string;
let receiver: PushReceiver;
let node: RunningNode;
const tokens = new Map<string, string>();
let received: ReceivedNotice[];
/** Requests that the receiver fails before it takes one. */
let failures = 0;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'mailring-push-'));
  const secretFile = join(data, 'push-secret');
  await writeFile(secretFile, `${secret}\n`);
  const take = (notices: readonly ReceivedNotice[]): void => {
    if (failures-- > 0) throw new Error('not now');
    received.push(...notices);
  };
  receiver = await PushReceiver.start({ secret, port: 0, take });
  const override = {
    id: 'n1',
    listen: '127.0.0.1:0',
    ops: '127.0.0.1:0',
    peer: '127.0.0.1:0',
    data,
    log: { level: 'silent' },
    push: { url: receiver.url, secretFile, delayMs },
  } as const;
  node = await startNode(loadSettings({ preset: { ...developmentPreset, ...override } }));
  for (const userId of ['ann', 'bob', 'cat']) {
    const body = JSON.stringify({ userId, name: userId.toUpperCase(), password: 'password' });
    const answer = await fetch(`${node.url}/v1/users`, { method: 'POST', body });
    tokens.set(userId, ((await answer.json()) as { token: string }).token);
  }
});
beforeEach(() => {
  received = [];
  failures = 0;
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
  await rm(data, { recursive: true });
});

const open = (userId: string): Promise<WireClient> =>
  WireClient.open(`${node.url.replace('http', 'ws')}/v1/ws`, tokens.get(userId) ?? '');
let sent = 0;
const say = (client: WireClient, from: string, to: string, text: string) =>
  client.result('sendMessage', { to, text, messageId: messageId(from, `${++sent}`) });
const toldOf = (userId: string) => received.filter((notice) => notice.userId === userId);

it('who has no device connected is told once of what came, with what is unread; who wrote it is not', async () => {
  const bob = await open('bob');
  for (const text of ['one', 'two', 'three']) await say(bob, 'bob', 'ann', text);
  bob.close();
  await bob.closed;
  await expect.poll(() => toldOf('ann').at(-1)?.unread, { timeout: 20_000 }).toBe(3);
  expect(toldOf('ann').at(-1)).toMatchObject({
    conversationId: 'dm:ann:bob',
    name: 'BOB',
    from: 'bob',
    preview: 'three',
  });
  // Before, at most, of the first ones, on a machine that is slow.
  expect(toldOf('ann').length).toBeLessThanOrEqual(3);

  const ann = await open('ann');
  await ann.result('markRead', { conversationId: 'dm:ann:bob', seq: 1_000 });
  ann.close();
  await ann.closed;
  const cat = await open('cat');
  await say(cat, 'cat', 'ann', 'four');
  await expect
    .poll(() => toldOf('ann').at(-1), { timeout: 20_000 })
    .toMatchObject({ unread: 1, from: 'cat' });
  cat.close();
  expect(toldOf('bob')).toEqual([]);
});

it('who has a device connected is not told; a receiver that fails is asked again', async () => {
  const [ann, bob] = [await open('ann'), await open('bob')];
  failures = 1;
  await say(ann, 'ann', 'cat', 'for cat, later');
  await say(bob, 'bob', 'ann', 'ann listens');
  await expect.poll(() => toldOf('cat').length, { timeout: 20_000 }).toBe(1);
  expect(toldOf('cat')[0]).toMatchObject({ from: 'ann', preview: 'for cat, later' });
  expect(toldOf('ann')).toEqual([]);
  for (const client of [ann, bob]) client.close();
});

it('who loses the only connection without a word is told of what it was sent last', async () => {
  const [bob, cat] = [await open('bob'), await open('cat')];
  cat.socket.pause();
  await say(bob, 'bob', 'cat', 'never read');
  cat.socket.terminate();
  await expect.poll(() => toldOf('cat').at(-1)?.preview, { timeout: 20_000 }).toBe('never read');
  bob.close();
});

it('what is not signed with the secret is not taken', async () => {
  const body = JSON.stringify({ notices: [{ userId: 'ann' }] });
  for (const signature of ['', `t=${Date.now()},v1=${'0'.repeat(64)}`]) {
    const headers = { 'mailring-signature': signature };
    expect((await fetch(receiver.url, { method: 'POST', body, headers })).status).toBe(401);
  }
  expect(received).toEqual([]);
});
