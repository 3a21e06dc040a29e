import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json, Subprotocol } from '../support/wire-client.ts';

const hourMs = 3_600_000;
let data: string;
let node: RunningNode;
let wsUrl: string;
const tokens = new Map<string, string>();
const clients: WireClient[] = [];

async function start(): Promise<void> {
  const override = {
    id: 'n1',
    listen: '127.0.0.1:0',
    ops: '127.0.0.1:0',
    data,
    log: { level: 'silent' },
  } as const;
  node = await startNode(loadSettings({ preset: { ...developmentPreset, ...override } }));
  wsUrl = `${node.url.replace('http', 'ws')}/v1/ws`;
}

async function register(userId: string): Promise<void> {
  const answer = await fetch(`${node.url}/v1/users`, {
    method: 'POST',
    body: JSON.stringify({ userId, name: userId.toUpperCase(), password: 'pw' }),
  });
  expect(answer.status).toBe(201);
  tokens.set(userId, ((await answer.json()) as { token: string }).token);
}

async function open(
  userId: string,
  options: { deviceId?: string; since?: string; subprotocol?: Subprotocol } = {},
): Promise<WireClient> {
  const client = await WireClient.open(wsUrl, tokens.get(userId) ?? '', options);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'mailring-node-'));
  await start();
  for (const userId of ['ann', 'bob', 'carl']) await register(userId);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await node.stop();
  await rm(data, { recursive: true });
});

const say = (from: string, to: string, text: string): Json => ({
  to,
  text,
  messageId: messageId(from, text),
});
const messagesOf = async (client: WireClient, params: Json): Promise<Json[]> =>
  (await client.result('getMessages', params))['messages'] as Json[];

describe.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)(
  'a node on LMDB, spoken to in %s',
  (subprotocol) => {
    const tag = subprotocol.slice(-4);

    it('G2, G3: a send has one effect and one reply, in the same order for both', async () => {
      const ann = await open('ann', { subprotocol });
      const bob = await open('bob', { subprotocol });
      const first = await ann.result('sendMessage', say('ann', 'bob', `one-${tag}`));
      const { messageId: id } = first;
      const again = await ann.result('sendMessage', { to: 'bob', text: `one-${tag}`, messageId: id });
      expect(again).toEqual({ ...first, duplicate: true });
      const other = { to: 'bob', text: 'other', messageId: id };
      expect(await ann.errorOf('sendMessage', other)).toBe('conflict');
      const second = await bob.result('sendMessage', say('bob', 'ann', `two-${tag}`));
      expect(second['seq']).toBeGreaterThan(first['seq'] as number);
      const conversationId = 'dm:ann:bob';
      const page = async (client: WireClient) => messagesOf(client, { conversationId, limit: 2 });
      // One's own copy may come a moment after the reply.
      await expect.poll(() => page(bob)).toEqual(await page(ann));
      expect((await page(ann)).map((message) => message['text'])).toEqual([`two-${tag}`, `one-${tag}`]);
    });

    it('a page has exact bounds and an exact hasMore', async () => {
      const ann = await open('ann', { subprotocol });
      const carl = await open('carl', { subprotocol, deviceId: 'd2' });
      const seqs: number[] = [];
      for (let index = 0; index < 5; index++) {
        seqs.push((await ann.result('sendMessage', say('ann', 'carl', `p${index}-${tag}`)))['seq'] as number);
      }
      const page = async (params: Json): Promise<[unknown[], unknown]> => {
        const { messages, hasMore } = await carl.result('getMessages', {
          conversationId: 'dm:ann:carl',
          ...params,
        });
        return [(messages as Json[]).map(({ seq }) => seq), hasMore];
      };
      const [s0 = 0, s1, s2, s3, s4] = seqs;
      expect(await page({ limit: 2 })).toEqual([[s4, s3], true]);
      expect(await page({ limit: 2, offset: 1 })).toEqual([[s3, s2], true]);
      expect(await page({ after: s0, limit: 4 })).toEqual([[s1, s2, s3, s4], false]);
      expect(await page({ after: s0, limit: 3 })).toEqual([[s1, s2, s3], true]);
      expect(await page({ after: s0, before: s3 })).toEqual([[s1, s2], false]);
      expect(await page({ before: s1, limit: 1 })).toEqual([[s0], subprotocol !== 'mailring.v1.json']);
    });

    it('G9: unread is what came from others after the mark', async () => {
      const ann = await open('ann', { subprotocol });
      const bob = await open('bob', { subprotocol });
      const unread = async (): Promise<unknown> => {
        const { conversations } = await bob.result('getConversations');
        return (conversations as Json[]).find(({ peer }) => peer === 'ann')?.['unread'];
      };
      const { seq: mark } = await ann.result('sendMessage', say('ann', 'bob', `u1-${tag}`));
      await ann.result('sendMessage', say('ann', 'bob', `u2-${tag}`));
      await bob.result('sendMessage', say('bob', 'ann', `u3-${tag}`));
      expect(await bob.result('markRead', { conversationId: 'dm:ann:bob', seq: mark })).toEqual({
        seq: mark,
        unread: 1,
      });
      expect(await unread()).toBe(1);
      expect(await bob.result('markRead', { conversationId: 'dm:ann:bob', seq: 1 })).toEqual({
        seq: mark,
        unread: 1,
      });
      const all = await bob.result('markRead', {
        conversationId: 'dm:ann:bob',
        seq: Number.MAX_SAFE_INTEGER,
      });
      expect(all['unread']).toBe(0);
      expect(await unread()).toBe(0);
    });

    it('what is refused changes nothing', async () => {
      const ann = await open('ann', { subprotocol });
      const { cursor } = await ann.result('getChanges');
      const late = { to: 'bob', text: 'late', messageId: messageId('ann', 'late', Date.now() - 25 * hourMs) };
      expect(await ann.errorOf('sendMessage', late)).toBe('stale_message_id');
      expect(await ann.errorOf('sendMessage', say('ann', 'nobody', 'hello'))).toBe('not_found');
      expect(await ann.errorOf('sendMessage', say('bob', 'carl', 'forged'))).toBe('invalid_params messageId');
      expect(
        await ann.errorOf('sendMessage', { ...say('ann', 'bob', 'x'), after: messageId('ann', 'never') }),
      ).toBe('out_of_order');
      expect(await ann.errorOf('getMessages', { conversationId: 'dm:bob:carl' })).toBe('not_found');
      expect(await ann.errorOf('markRead', { conversationId: 'dm:bob:carl', seq: 1 })).toBe('not_found');
      // Receipts for what was read before may still come in.
      const { changes } = await ann.result('getChanges', { since: cursor });
      expect((changes as Json[]).filter(({ kind }) => kind !== 'receipt')).toEqual([]);
    });

    it('texts come back to every device as they were, or as U+FFFD where they were half', async () => {
      const ann = await open('ann', { subprotocol });
      const carl = await open('carl', { subprotocol, deviceId: 'd2' });
      const texts = ['\u0000\u0001"\\\n', '👩‍👩‍👧 𝕏', 'é'.repeat(4096), '\u2028\u2029\ufeff', 'عربى'];
      for (const [index, text] of texts.entries()) {
        const id = messageId('ann', `t${index}-${tag}`);
        await ann.result('sendMessage', { to: 'carl', text, messageId: id });
        expect(((await carl.change())['message'] as Json)['text']).toBe(text);
        const [newest] = await messagesOf(carl, { conversationId: 'dm:ann:carl', limit: 1 });
        expect(newest?.['text']).toBe(text);
      }
    });
  },
);

describe('what a node keeps', () => {
  it('G1, G8: after a restart every message is there, tokens are good, and a cursor goes on where it was', async () => {
    const bob = await open('bob');
    const { cursor } = await bob.result('getChanges');
    const ann = await open('ann');
    const sent = await ann.result('sendMessage', say('ann', 'bob', 'before-the-restart'));
    await node.stop();
    expect((await bob.closed).code).toBe(4000);
    await start();
    const back = await open('bob', { since: String(cursor) });
    expect((await back.change())['message']).toMatchObject({ seq: sent['seq'], text: 'before-the-restart' });
    const again = await (
      await open('ann')
    ).result('sendMessage', {
      to: 'bob',
      text: 'before-the-restart',
      messageId: sent['messageId'],
    });
    expect(again).toEqual({ ...sent, duplicate: true });
  });

  it('G8: devices that come and go get every change once, in the order of the feed', async () => {
    const total = 300;
    const ann = await open('ann');
    let since = String((await (await open('bob')).result('getChanges'))['cursor']);
    const sending = Promise.all(
      Array.from({ length: total }, (_, index) =>
        ann.call('sendMessage', say('ann', 'bob', `flow-${index}`)),
      ),
    );
    const texts: string[] = [];
    while (texts.length < total) {
      const device = await open('bob', { deviceId: 'phone', since });
      for (let count = 0; count < 37 && texts.length < total; count++) {
        const change = await device.change();
        since = String(change['cursor']);
        texts.push(String((change['message'] as Json)['text']));
      }
      device.close();
    }
    expect((await sending).map(errorText)).toEqual(Array(total).fill('no error'));
    expect(texts).toEqual(Array.from({ length: total }, (_, index) => `flow-${index}`));
  });
});
