import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Message } from '../../src/protocol/message.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

let server: TestGateway;
const clients: WireClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
});

async function start(change: Parameters<typeof startTestGateway>[0] = {}): Promise<string> {
  server = await startTestGateway(change);
  await server.user('bob');
  return server.user('ann');
}

async function open(token: string, options?: Parameters<typeof WireClient.open>[2]): Promise<WireClient> {
  const client = await WireClient.open(server.wsUrl, token, options);
  clients.push(client);
  return client;
}

async function connect(): Promise<WireClient> {
  const client = await WireClient.connect(server.wsUrl);
  clients.push(client);
  return client;
}

/** Messages that appear in ann's mailbox. */
function arrive(count: number, text: string, from = 1): void {
  for (let index = 0; index < count; index++) {
    const seq = from + index;
    const message: Message = {
      conversationId: 'dm:ann:bob',
      seq,
      messageId: messageId('bob', String(seq)),
      from: 'bob',
      text: `${seq} ${text}`,
      timestamp: 0,
    };
    server.mailboxes.mailbox('ann').append(message);
  }
}

const seqOf = (change: Json): number => (change['message'] as Message).seq;

describe('opening', () => {
  it('before session.open every call is unauthenticated', async () => {
    await start();
    const client = await connect();
    for (const method of ['sendMessage', 'getChanges', 'noSuchCall']) {
      expect(await client.errorOf(method, {})).toBe('unauthenticated');
    }
  });

  it('a socket that never opens is closed with 4502', async () => {
    await start({ session: { openTimeoutMs: 200 } });
    const startedMs = performance.now();
    expect((await (await connect()).closed).code).toBe(4502);
    expect(performance.now() - startedMs).toBeGreaterThan(190);
  });

  it('calls sent right behind session.open wait for it, in order', async () => {
    const token = await start();
    const client = await connect();
    client.request('session.open', { token, deviceId: 'd1' });
    for (let index = 0; index < 5; index++) {
      client.request('sendMessage', {
        to: 'bob',
        text: `m${index}`,
        messageId: messageId('ann', `m${index}`),
      });
    }
    for (let id = 1; id <= 6; id++) {
      expect(errorText(await client.take((message) => (message as Json)['id'] === id))).toBe('no error');
    }
    expect(server.mailboxes.mailbox('ann').received).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  it('those behind one that fails are unauthenticated', async () => {
    await start();
    const client = await connect();
    client.request('session.open', { token: 'x', deviceId: 'd1' });
    expect(await client.errorOf('getConversations')).toBe('unauthenticated');
  });

  it('a store out of reach is unavailable, and the next attempt may succeed', async () => {
    const token = await start();
    const client = await connect();
    server.mailboxes.mailbox('ann').failure = new ProtocolError('unavailable', 'no store');
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(await client.errorOf('session.open', { token, deviceId: 'd1' })).toBe('unavailable');
    }
    server.mailboxes.mailbox('ann').failure = undefined;
    expect(await client.errorOf('session.open', { token, deviceId: 'd1' })).toBe('no error');
  });

  it('a user with too many connections loses the oldest, with 4503', async () => {
    const token = await start({ limits: { connectionsPerUserMax: 2 } });
    const oldest = await open(token);
    await open(token, { deviceId: 'd2' });
    const newest = await open(token, { deviceId: 'd3' });
    expect((await oldest.closed).code).toBe(4503);
    expect(await newest.errorOf('getConversations')).toBe('no error');
  });

  it('G10: sessions that a user opens too often are rate_limited, whatever the device; others are not', async () => {
    const token = await start({ limits: { openingsPerMinutePerUser: 2 } });
    await open(token);
    await open(token, { deviceId: 'd2' });
    const third = await connect();
    const reply = await third.call('session.open', { token, deviceId: 'd3' });
    expect(errorText(reply)).toBe('rate_limited');
    const { data } = reply['error'] as { data: { retryAfterMs: number; retryable: boolean } };
    expect(data.retryable).toBe(true);
    expect(data.retryAfterMs).toBeGreaterThan(0);
    expect(data.retryAfterMs).toBeLessThanOrEqual(30_000);
    expect(await (await connect()).errorOf('session.open', { token: 'forged', deviceId: 'd1' })).toBe(
      'unauthenticated',
    );
    await open(await server.user('carl'));
  });

  it('a flood of connections is refused with 503 and Retry-After, and goes on when there is room', async () => {
    const token = await start({ limits: { connectionsMax: 3 } });
    const [first] = [await open(token), await connect(), await connect()];
    const refused = new WebSocket(server.wsUrl);
    const answer = await new Promise<[number | undefined, unknown]>((resolve) => {
      refused.on('error', () => undefined);
      refused.on('unexpected-response', (_request, response) => {
        resolve([response.statusCode, response.headers['retry-after']]);
      });
    });
    expect(answer).toEqual([503, expect.any(String)]);
    first.close();
    await first.closed;
    await expect.poll(async () => (await connect()).socket.readyState).toBe(WebSocket.OPEN);
  });
});

describe('calls', () => {
  it('G3: sends of one connection reach the mailbox in the order of their frames, batches included', async () => {
    const token = await start();
    const client = await open(token);
    const call = (text: string) => ({
      jsonrpc: '2.0',
      id: text,
      method: 'sendMessage',
      params: { to: 'bob', text, messageId: messageId('ann', text) },
    });
    const expected = Array.from({ length: 300 }, (_, index) => `m${index}`);
    for (let index = 0; index < 300; index += 3) {
      const [one = '', two = '', three = ''] = expected.slice(index, index + 3);
      client.send(call(one));
      client.send([call(two), call(three)]);
    }
    await client.take((message) => (message as Json)['id'] === 'm297');
    await expect.poll(() => server.mailboxes.mailbox('ann').received).toEqual(expected);
  });

  it('a call that nobody answers is unavailable after its deadline', async () => {
    const token = await start({ request: { deadlineMs: 200 }, session: { heartbeatMs: 400 } });
    const client = await open(token);
    server.mailboxes.mailbox('ann').gate = new Promise(() => undefined);
    expect(await client.errorOf('getConversations')).toBe('unavailable');
  });

  it('an error that nobody foresaw is internal, and says no more', async () => {
    const token = await start();
    const client = await open(token);
    server.mailboxes.mailbox('ann').failure = new TypeError('secret of the code');
    const reply = await client.call('getConversations');
    expect(errorText(reply)).toBe('internal');
    expect(JSON.stringify(reply)).not.toContain('secret');
  });

  it('above the rate of a user, whatever the connection, calls are rate_limited', async () => {
    const token = await start({ limits: { requestsPerSecondPerUser: 1 } });
    const [one, two] = [await open(token), await open(token, { deviceId: 'd2' })];
    const answers = [];
    for (let index = 0; index < 15; index++) {
      answers.push(await one.call('getConversations'), await two.call('getConversations'));
    }
    const refused = answers.filter((reply) => errorText(reply) === 'rate_limited');
    expect(refused.length).toBeGreaterThanOrEqual(5);
    const data = (refused[0]?.['error'] as { data: { retryAfterMs: number; retryable: boolean } }).data;
    expect(data.retryable).toBe(true);
    expect(data.retryAfterMs).toBeGreaterThan(0);
    expect(data.retryAfterMs).toBeLessThanOrEqual(1_000);
  });

  it('what devices ask is asked as such, so that the owner takes it from their rate', async () => {
    const token = await start();
    await open(token);
    expect([...server.mailboxes.clients]).toEqual(['ann']);
    const eve = await server.user('eve');
    const headers = { authorization: `Bearer ${eve}`, 'x-device-id': 'd1' };
    await fetch(`${server.httpUrl}/v1/rpc`, { method: 'POST', headers, body: '{}' });
    expect([...server.mailboxes.clients]).toEqual(['ann', 'eve']);
  });

  it('more calls at once than are served wait in the socket and all get their answer', async () => {
    const token = await start();
    const client = await open(token);
    let release = (): void => undefined;
    server.mailboxes.mailbox('ann').gate = new Promise((resolve) => {
      release = resolve;
    });
    const text = 'x'.repeat(2_000);
    for (let index = 0; index < 3_000; index++) {
      client.request('sendMessage', { to: 'bob', text, messageId: messageId('ann', `q${index}`) });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.mailboxes.mailbox('ann').received.length).toBeLessThan(1_000);
    release();
    await expect
      .poll(() => client.inbox.filter((message) => 'result' in (message as Json)).length)
      .toBe(3_000);
  });
});

describe('a flood', () => {
  it('G10: nothing of it is served once it was told to go, also where it stays', async () => {
    const token = await start({ limits: { requestsPerSecondPerUser: 100 } });
    const client = await open(token);
    // It does not answer the close frame, and goes on.
    const told = new Promise<void>((resolve) => {
      client.socket.close = () => {
        resolve();
      };
    });
    let sent = 0;
    const say = (): void => {
      const id = messageId('ann', `f${sent++}`);
      client.request('sendMessage', { to: 'bob', text: 'x', messageId: id });
    };
    while (sent < 8_000) say();
    await told;
    await expect.poll(() => server.metrics.traffic.framesReceived).toBe(1 + sent);
    const { received } = server.mailboxes.mailbox('ann');
    const served = received.length;
    // So long that some calls of this user are let through again.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let count = 0; count < 5; count++) say();
    await expect.poll(() => server.metrics.traffic.framesReceived).toBe(1 + sent);
    expect(received.length).toBe(served);
  });
});

describe('log-ins', () => {
  it('of one user are limited, whoever tries and whether there is such a user; others are not', async () => {
    await start({ limits: { loginsPerMinutePerUser: 3 } });
    const attempt = (userId: string): Promise<Response> =>
      fetch(`${server.httpUrl}/v1/sessions`, {
        method: 'POST',
        body: JSON.stringify({ userId, password: 'guess' }),
      });
    for (const userId of ['ann', 'nobody']) {
      const statuses = [];
      for (let guess = 0; guess < 4; guess++) statuses.push((await attempt(userId)).status);
      expect(statuses).toEqual([401, 401, 401, 429]);
    }
    expect(Number((await attempt('ann')).headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await attempt('bob')).status).toBe(401);
  });
});

describe('liveness', () => {
  it('a peer that answers no ping is closed with 4003; one that does is kept', async () => {
    const token = await start({ session: { heartbeatMs: 100 } });
    const alive = await open(token);
    const deaf = new WebSocket(server.wsUrl, { autoPong: false });
    await new Promise((resolve) => deaf.on('open', resolve));
    deaf.send(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.open', params: { token, deviceId: 'd9' } }),
    );
    expect(await new Promise((resolve) => deaf.on('close', resolve))).toBe(4003);
    expect(await alive.errorOf('getConversations')).toBe('no error');
  });

  it('stopping answers what is under way, then closes with 4000', async () => {
    const token = await start();
    const client = await open(token);
    server.mailboxes.mailbox('ann').gate = new Promise((resolve) => setTimeout(resolve, 200));
    const answer = client.call('getConversations');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stopped = server.stop();
    expect(errorText(await answer)).toBe('no error');
    expect((await client.closed).code).toBe(4000);
    await stopped;
    await expect(fetch(`${server.httpUrl}/`)).rejects.toThrow();
  });
});

describe('slow consumers', () => {
  const buffer = { session: { writeBufferBytesMax: 65_536 } };

  it('G8: what comes while a socket takes nothing is read from the feed later, in order, each once', async () => {
    const token = await start(buffer);
    const slow = await open(token);
    slow.socket.pause();
    const total = 4_000;
    for (let from = 1; from <= total; from += 200) {
      arrive(200, 'x'.repeat(8_000), from);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    slow.socket.resume();
    const seqs = [];
    while (seqs.length < total) seqs.push(seqOf(await slow.change()));
    expect(seqs).toEqual(Array.from({ length: total }, (_, index) => index + 1));
    arrive(1, 'live again', total + 1);
    expect(seqOf(await slow.change())).toBe(total + 1);
    expect(server.metrics.traffic.changesCaughtUp).toBeGreaterThan(0);
  });

  it('one that stands still for too long is closed with 4002', async () => {
    const token = await start({ session: { ...buffer.session, stalledMs: 300 } });
    const stuck = await open(token);
    stuck.socket.pause();
    arrive(3_000, 'x'.repeat(8_000));
    await expect.poll(() => server.mailboxes.mailbox('ann').listenerCount).toBe(0);
    stuck.socket.resume();
    expect((await stuck.closed).code).toBe(4002);
  });

  it('one that fell behind what is kept is closed with 4002, and told to reset when it is back', async () => {
    const token = await start(buffer);
    const slow = await open(token);
    server.mailboxes.feedMax = 100;
    slow.socket.pause();
    for (let from = 1; from <= 3_000; from += 100) {
      arrive(100, 'x'.repeat(8_000), from);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    slow.socket.resume();
    expect((await slow.closed).code).toBe(4002);
    const back = await connect();
    expect(await back.result('session.open', { token, deviceId: 'd1', since: '5' })).toMatchObject({
      reset: true,
      cursor: '3000',
    });
  });

  it('replies to one that asks and does not read are bounded', async () => {
    const token = await start(buffer);
    const greedy = await open(token);
    arrive(200, 'x'.repeat(8_000));
    greedy.socket.pause();
    const pages = (): number =>
      server.mailboxes.mailbox('ann').called.filter((name) => name === 'getMessages').length;
    for (let index = 0; index < 60; index++) {
      greedy.request('getMessages', { conversationId: 'dm:ann:bob', limit: 200 });
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stood = pages();
    expect(stood).toBeLessThan(25);
    greedy.socket.resume();
    await expect.poll(pages).toBeGreaterThan(stood);
  });
});

describe('resuming', () => {
  it('since: the cursor comes back, then the changes after it, then newer ones', async () => {
    const token = await start();
    arrive(250, 'before');
    const client = await connect();
    const id = client.request('session.open', { token, deviceId: 'd1', since: '10' });
    const first = await client.take();
    expect(first).toMatchObject({ id, result: { cursor: '10' } });
    expect((first['result'] as Json)['reset']).toBeUndefined();
    arrive(10, 'after', 251);
    const seqs = [];
    while (seqs.length < 250) seqs.push(seqOf(await client.change()));
    expect(seqs).toEqual(Array.from({ length: 250 }, (_, index) => index + 11));
  });

  it('an unknown cursor: reset and the head', async () => {
    const token = await start();
    arrive(3, 'before');
    const client = await connect();
    const opened = await client.result('session.open', { token, deviceId: 'd1', since: 'never-was' });
    expect(opened).toMatchObject({ reset: true, cursor: '3' });
    arrive(1, 'after', 4);
    expect(seqOf(await client.change())).toBe(4);
  });
});
