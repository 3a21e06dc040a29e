import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import type { ProtocolCoverage } from '../support/protocol-coverage.ts';
import {
  connectionsPerUserMax,
  deviceId,
  openingsPerMinute,
  Person,
  subprotocolOf,
  transports,
} from '../support/protocol-stand.ts';
import type { ProtocolStand, Transport } from '../support/protocol-stand.ts';
import { messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

/** What the parts of the coverage test share. */
export interface CoverageParts {
  readonly coverage: ProtocolCoverage;
  readonly node: (index: number) => NodeCluster['nodes'][number];
  readonly standOf: (transport: Transport) => ProtocolStand;
  readonly outcomeOf: (reply: Json) => string;
}

const sockets = ['json', 'msgpack'] as const;
const call = { jsonrpc: '2.0', id: 1, method: 'getConversations', params: {} };

/** Sessions, close codes, and what is no call at all. */
export function describeFrames(parts: CoverageParts): void {
  describe.each(sockets)('sessions, %s', (transport) => {
    describeSessions(parts, transport);
    describeCloseCodes(parts, transport);
    describeSilence(parts, transport);
    describePushes(parts, transport);
  });
  describe.each(transports)('frames and bodies, %s', (transport) => {
    describeBodies(parts, transport);
  });
}

function describeSessions({ coverage, node, standOf, outcomeOf }: CoverageParts, transport: Transport): void {
  const connect = (index = 0): Promise<WireClient> =>
    WireClient.connect(node(index).wsUrl, subprotocolOf(transport));

  it('session.open: good, and once only', async () => {
    const { token } = standOf(transport).ann;
    const client = await connect();
    const { cursor, limits } = await client.result('session.open', { token, deviceId });
    expect(limits).toMatchObject({
      textBytesMax: 8192,
      frameBytesMax: 65_536,
      batchMax: 64,
      membersMax: 6,
      membersPerCallMax: 1000,
    });
    coverage.note('session.open', 'good', transport);
    expect(await client.errorOf('session.open', { token, deviceId })).toBe('invalid_request');
    coverage.note('session.open', 'invalid_request', transport);
    client.close();

    const again = await connect();
    expect(await again.result('session.open', { token, deviceId, since: cursor })).toMatchObject({ cursor });
    const lost = await connect();
    const since = 'never-was';
    expect(await lost.result('session.open', { token, deviceId, since })).toMatchObject({ reset: true });
    for (const client of [again, lost]) client.close();
    coverage.note('session.open', 'good since', transport);
  });

  it('session.open: moved, to where the user is', async () => {
    const { token, userId } = standOf(transport).ann;
    const client = await connect(1);
    const reply = await client.call('session.open', { token, deviceId });
    expect(outcomeOf(reply)).toBe('moved');
    const { url, nodeId } = (reply['error'] as { data: Json }).data;
    expect([url, nodeId]).toEqual([node(0).wsUrl, node(0).id]);
    client.close();
    const there = await WireClient.open(String(url), token, { subprotocol: subprotocolOf(transport) });
    expect(await there.result('getProfile', {})).toMatchObject({ userId });
    there.close();
    coverage.note('session.open', 'moved', transport);
  });

  it('session.open: refused, and closed with 4502 after five attempts', async () => {
    const client = await connect();
    const wrong = { token: 'guess', deviceId };
    for (let attempt = 0; attempt < 4; attempt++) {
      expect(await client.errorOf('session.open', wrong)).toBe('unauthenticated');
    }
    coverage.note('session.open', 'unauthenticated', transport);
    expect(await client.errorOf('session.open', { ...wrong, deviceId: '?' })).toBe('invalid_params deviceId');
    coverage.note('session.open', 'invalid_params', transport);
    expect((await client.closed).code).toBe(4502);
    coverage.note('close code', '4502', transport);
  });
}

function describeCloseCodes({ coverage, node }: CoverageParts, transport: Transport): void {
  it('4500, 4504: frames that cannot be answered', async () => {
    for (const [code, frame] of [
      [4500, Buffer.from([0xc1])],
      [4504, Buffer.alloc(65_537)],
    ] as const) {
      const client = await WireClient.connect(node(0).wsUrl, subprotocolOf(transport));
      client.socket.send(frame, { binary: true });
      expect((await client.closed).code).toBe(code);
      coverage.note('close code', String(code), transport);
    }
  });

  it('4501: the token was revoked', async () => {
    const person = await Person.ownedBy(node(0), node(2), `gone-${transport}`);
    const client = await person.open(transport);
    expect(await client.result('revokeTokens', { before: Date.now() + 60_000 })).toEqual({});
    expect((await client.closed).code).toBe(4501);
    coverage.note('close code', '4501', transport);
  });

  it('4503: the oldest of too many connections', async () => {
    const person = await Person.ownedBy(node(0), node(2), `many-${transport}`);
    const oldest = await person.open(transport);
    const others: WireClient[] = [];
    for (let count = 0; count < connectionsPerUserMax; count++) others.push(await person.open(transport));
    expect((await oldest.closed).code).toBe(4503);
    coverage.note('close code', '4503', transport);
    for (const client of others) {
      expect(client.socket.readyState).toBe(WebSocket.OPEN);
      client.close();
    }
  });

  it('4004: a flood, however much of it is let through', async () => {
    const person = await Person.ownedBy(node(0), node(2), `torrent-${transport}`);
    const client = await person.open(transport);
    const batch = Array.from({ length: 64 }, () => call);
    // More than may be refused and what is served meanwhile.
    for (let count = 0; count < 200; count++) client.send(batch);
    expect((await client.closed).code).toBe(4004);
    coverage.note('close code', '4004', transport);
  });
}

function describeSilence({ coverage, node }: CoverageParts, transport: Transport): void {
  it('4002: one that asks and does not read', async () => {
    const person = await Person.ownedBy(node(0), node(2), `stuck-${transport}`);
    const peer = await Person.ownedBy(node(1), node(2), `peer-${transport}`);
    const client = await person.open(transport);
    const text = 'x'.repeat(8_000);
    for (let count = 0; count < 50; count++) {
      const message = { to: peer.userId, text, messageId: messageId(person.userId, `m${count}`) };
      await client.result('sendMessage', message);
    }
    const conversationId = dmIdOf(person.userId, peer.userId);
    await expect
      .poll(async () => {
        return ((await client.result('getMessages', { conversationId }))['messages'] as Json[]).length;
      })
      .toBe(50);
    const sessions = (): Promise<number> => node(0).metric('mailring_sessions');
    const before = await sessions();
    client.socket.pause();
    // More than the kernel keeps for a socket.
    for (let page = 0; page < 60; page++) client.request('getMessages', { conversationId });
    await expect.poll(sessions, { timeout: 25_000 }).toBeLessThan(before);
    client.socket.resume();
    expect((await client.closed).code).toBe(4002);
    coverage.note('close code', '4002', transport);
  });

  it('4003: one that answers no ping', async () => {
    const { token } = await Person.ownedBy(node(0), node(2), `deaf-${transport}`);
    const client = await WireClient.connect(node(0).wsUrl, subprotocolOf(transport), false);
    await client.result('session.open', { token, deviceId });
    expect((await client.closed).code).toBe(4003);
    coverage.note('close code', '4003', transport);
  });
}

function describePushes({ coverage, node, standOf }: CoverageParts, transport: Transport): void {
  const pushTo = async (client: WireClient, name: string): Promise<unknown> =>
    (await client.take((message) => (message as Json)['method'] === name))['params'];

  it('typing and presence are pushed', async () => {
    const { ann, bob, dm: conversationId } = standOf(transport);
    const [a, b] = [await ann.open(transport), await bob.open(transport)];
    await b.result('typing', { conversationId, on: true });
    expect(await pushTo(a, 'typing')).toEqual({ conversationId, userId: bob.userId, on: true });
    coverage.note('push', 'typing', transport);

    const carl = await Person.ownedBy(node(1), node(2), `carl-${transport}`);
    const message = { to: carl.userId, text: 'hello', messageId: messageId(ann.userId, 'presence') };
    const { conversationId: met } = await a.result('sendMessage', message);
    // One's own copy comes a moment later.
    await expect
      .poll(async () => (await a.result('getConversations', { limit: 100 }))['conversations'])
      .toContainEqual(expect.objectContaining({ conversationId: met }));
    await a.result('watchPresence', { userIds: [carl.userId] });
    // Who was there a moment ago still counts as there; who has gone for good is away after a few seconds.
    (await carl.open(transport)).close();
    const away = await a.take((message) => {
      const { method, params } = message as { method?: string; params?: Json };
      return method === 'presence' && params?.['online'] === false;
    });
    expect(away['params']).toMatchObject({ userId: carl.userId });
    coverage.note('push', 'presence', transport);
    for (const client of [a, b]) client.close();
  });

  it('session.open: rate_limited, and when to come back', async () => {
    const { token } = await Person.ownedBy(node(0), node(2), `restless-${transport}`);
    let reply: Json = {};
    // More than a minute's worth: some come back while this goes on.
    for (let count = 0; count <= 3 * openingsPerMinute && reply['error'] === undefined; count++) {
      const client = await WireClient.connect(node(0).wsUrl, subprotocolOf(transport));
      reply = await client.call('session.open', { token, deviceId });
      client.close();
    }
    expect(reply).toMatchObject({
      error: { data: { kind: 'rate_limited', retryable: true, retryAfterMs: expect.any(Number) as number } },
    });
    coverage.note('session.open', 'rate_limited', transport);
  });
}

function describeBodies(parts: CoverageParts, transport: Transport): void {
  const { coverage, node, standOf, outcomeOf } = parts;

  /** Sends it as it is; what comes back first, or undefined where nothing is to come. */
  async function ask(body: unknown): Promise<unknown> {
    const { ann, clients } = standOf(transport);
    if (transport !== 'http') {
      const [client] = clients;
      client?.send(body);
      return client?.take((message) => (message as Json)['method'] === undefined);
    }
    const headers = { authorization: `Bearer ${ann.token}`, 'x-device-id': deviceId };
    const text = JSON.stringify(body);
    const answer = await fetch(`${node(2).httpUrl}/v1/rpc`, { method: 'POST', headers, body: text });
    return answer.status === 204 ? undefined : answer.json();
  }

  it.each<[string, string, unknown]>([
    ['invalid_request', 'a number', 7],
    ['invalid_request', 'an empty batch', []],
    ['invalid_request', 'JSON-RPC 1.0', { jsonrpc: '1.0', id: 1, method: 'getConversations' }],
    ['method_not_found', 'what nobody knows', { ...call, method: 'getEverything' }],
    ['too_large', 'a batch of 65', Array.from({ length: 65 }, () => call)],
  ])('%s: %s', async (kind, _name, body) => {
    expect(outcomeOf((await ask(body)) as Json)).toBe(kind);
    coverage.note('frame', kind, transport);
  });

  it('parse_error', async () => {
    if (transport !== 'msgpack') coverage.note('frame', 'parse_error', transport);
    if (transport === 'http') {
      const { ann } = standOf(transport);
      const headers = { authorization: `Bearer ${ann.token}`, 'x-device-id': deviceId };
      const answer = await fetch(`${node(2).httpUrl}/v1/rpc`, { method: 'POST', headers, body: '{' });
      expect(outcomeOf((await answer.json()) as Json)).toBe('parse_error');
      return;
    }
    const client = await WireClient.connect(node(0).wsUrl, subprotocolOf(transport));
    if (transport === 'json') {
      client.socket.send('{');
      expect(outcomeOf(await client.take())).toBe('parse_error');
    } else {
      // What is no MessagePack cannot be told from the middle of something: it ends the connection.
      client.socket.send(Buffer.from([0x81]));
      expect((await client.closed).code).toBe(4500);
      return;
    }
    client.close();
  });

  it('a batch, with notifications in it', async () => {
    const { id: _, ...silent } = call;
    const replies = (await ask([{ ...call, id: 'a' }, silent, { ...call, id: 'b' }])) as Json[];
    expect(replies.map(({ id }) => id).sort()).toEqual(['a', 'b']);
    coverage.note('frame', 'batch', transport);
    if (transport === 'http') expect(await ask(silent)).toBeUndefined();
    coverage.note('frame', 'notification', transport);
  });
}
