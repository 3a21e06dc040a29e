import { expect, it } from 'vitest';
import type { Json, WireClient } from '../support/wire-client.ts';
import { dmOf, entryOf, type MessengerStand, type TestUser } from './messenger-stand.ts';

async function pushOf(client: WireClient, method: string): Promise<Json> {
  return (await client.take((message) => (message as Json)['method'] === method))['params'] as Json;
}

function pushesOf(client: WireClient, method: string): unknown[] {
  return client.inbox.filter((message) => (message as Json)['method'] === method);
}

async function watched(client: WireClient, ...users: readonly TestUser[]): Promise<string[]> {
  const { presence } = await client.result('watchPresence', { userIds: users.map(({ userId }) => userId) });
  return (presence as { online: boolean; lastSeen: number }[]).map(({ online, lastSeen }) =>
    online ? 'online' : lastSeen > 0 ? 'was there' : 'unknown',
  );
}

function say(client: WireClient, conversationId: string, on: boolean): void {
  client.send({ jsonrpc: '2.0', method: 'typing', params: { conversationId, on } });
}

/** Who is there and who writes, as clients see it. */
export function itShowsWhoIsThere(stand: MessengerStand): void {
  it('presence: those who share a conversation see each other come and go; nobody else', async () => {
    const [ann, bob, eve] = [await stand.user('ann'), await stand.user('bob'), await stand.user('eve')];
    const [a, b, e] = [await ann.open(), await bob.open(), await eve.open()];
    expect(await watched(a, bob)).toEqual(['unknown']);
    await stand.say(a, ann, bob, 'hello');
    await expect.poll(() => entryOf(a, dmOf(ann, bob))).toBeDefined();
    expect(await watched(a, bob, eve)).toEqual(['online', 'unknown']);
    expect(await watched(e, ann, bob)).toEqual(['unknown', 'unknown']);

    const leftAt = Date.now();
    b.close();
    const gone = await pushOf(a, 'presence');
    expect(gone).toMatchObject({ userId: bob.userId, online: false });
    expect(gone['lastSeen']).toBeGreaterThanOrEqual(leftAt - 1_000);
    expect(await watched(a, bob)).toEqual(['was there']);
    const b2 = await bob.open('d2');
    expect(await pushOf(a, 'presence')).toMatchObject({ userId: bob.userId, online: true });
    expect(pushesOf(e, 'presence')).toEqual([]);

    // A call replaces the one before.
    expect(await watched(a, eve)).toEqual(['unknown']);
    b2.close();
    expect(await watched(e, bob)).toEqual(['unknown']);
    const many = Array.from({ length: 201 }, (_, index) => `u${index}`);
    expect(await a.errorOf('watchPresence', { userIds: many })).toBe('invalid_params userIds');
    expect(await a.errorOf('watchPresence', {})).toBe('invalid_params userIds');
  });

  it('presence ends with a block, of either side, and comes back with its end', async () => {
    const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
    const [a, b] = [await ann.open(), await bob.open()];
    await stand.say(a, ann, bob, 'hello');
    await stand.say(b, bob, ann, 'hello');
    expect(await watched(a, bob)).toEqual(['online']);
    const offline = { userId: bob.userId, online: false, lastSeen: 0 };
    for (const [blocker, blocked] of [
      [a, bob],
      [b, ann],
    ] as const) {
      await blocker.result('blockUser', { userId: blocked.userId });
      expect(await pushOf(a, 'presence')).toEqual(offline);
      await blocker.result('unblockUser', { userId: blocked.userId });
      expect(await pushOf(a, 'presence')).toMatchObject({ userId: bob.userId, online: true });
    }
  });

  it('members of a group see each other, as long as they are in it', async () => {
    const [ann, bob, cat] = [await stand.user('ann'), await stand.user('bob'), await stand.user('cat')];
    const [a, b] = [await ann.open(), await bob.open()];
    const members = [bob.userId, cat.userId];
    const made = await a.result('createGroup', { name: 'G', members, requestId: 'g' });
    const conversationId = made['conversationId'] as string;
    expect(await watched(b, ann, cat)).toEqual(['online', 'unknown']);
    const c = await cat.open();
    expect(await pushOf(b, 'presence')).toMatchObject({ userId: cat.userId, online: true });
    await c.result('leaveGroup', { conversationId });
    expect(await pushOf(b, 'presence')).toEqual({ userId: cat.userId, online: false, lastSeen: 0 });

    // The typist hears nothing of it, nor does who is out.
    say(a, conversationId, true);
    expect(await pushOf(b, 'typing')).toEqual({ conversationId, userId: ann.userId, on: true });
    expect(pushesOf(a, 'typing')).toEqual([]);
    expect(await c.errorOf('typing', { conversationId, on: true })).toBe('not_found');
    expect(pushesOf(c, 'typing')).toEqual([]);
  });
  itTellsWhoWrites(stand);
}

function itTellsWhoWrites(stand: MessengerStand): void {
  it('typing reaches all devices of the other one; it ends, also with the session; not under a block', async () => {
    const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
    const [a, b, b2] = [await ann.open(), await bob.open(), await bob.open('d2')];
    const conversationId = dmOf(ann, bob);
    await stand.say(a, ann, bob, 'hello');
    await expect.poll(() => entryOf(a, conversationId)).toBeDefined();
    const typing = (on: boolean): Json => ({ conversationId, userId: ann.userId, on });
    say(a, conversationId, true);
    for (const device of [b, b2]) expect(await pushOf(device, 'typing')).toEqual(typing(true));
    expect(await a.result('typing', { conversationId, on: false })).toEqual({});
    for (const device of [b, b2]) expect(await pushOf(device, 'typing')).toEqual(typing(false));
    say(a, conversationId, true);
    for (const device of [b, b2]) expect(await pushOf(device, 'typing')).toEqual(typing(true));
    a.close();
    for (const device of [b, b2]) expect(await pushOf(device, 'typing')).toEqual(typing(false));

    const again = await ann.open();
    await b.result('blockUser', { userId: ann.userId });
    expect(await again.result('typing', { conversationId, on: true })).toEqual({});
    await again.result('typing', { conversationId, on: false });
    await b.result('unblockUser', { userId: ann.userId });
    say(again, conversationId, true);
    expect(await pushOf(b, 'typing')).toEqual(typing(true));
    expect(pushesOf(b, 'typing')).toEqual([]);
    const nowhere = { conversationId: `dm:${bob.userId}:nobody`, on: true };
    expect(await again.errorOf('typing', nowhere)).toBe('not_found');
    expect(await again.errorOf('typing', { conversationId })).toBe('invalid_params on');
  });

  it('typing is limited in its rate, and over HTTP there are answers, not pushes', async () => {
    const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
    const [a, b] = [await ann.open(), await bob.open()];
    const conversationId = dmOf(ann, bob);
    await stand.say(a, ann, bob, 'hello');
    await expect.poll(() => entryOf(a, conversationId)).toBeDefined();
    const rpc = async (method: string, params: object): Promise<unknown> => {
      const headers = { authorization: `Bearer ${bob.token}`, 'x-device-id': 'd1' };
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const answer = await fetch(`${stand.httpUrl}/v1/rpc`, { method: 'POST', headers, body });
      return ((await answer.json()) as { result: unknown }).result;
    };
    expect(await rpc('watchPresence', { userIds: [ann.userId] })).toMatchObject({
      presence: [{ userId: ann.userId, online: true }],
    });
    expect(await rpc('typing', { conversationId, on: true })).toEqual({});
    expect(await pushOf(a, 'typing')).toMatchObject({ userId: bob.userId, on: true });
    const refused: string[] = [];
    for (let n = 0; n < 40; n++) refused.push(await b.errorOf('typing', { conversationId, on: n % 2 === 0 }));
    expect(refused).toContain('rate_limited');
  });
}
