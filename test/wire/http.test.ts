import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

let server: TestGateway;
let ann: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-web-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'assets/app.js'), 'export {};');
  server = await startTestGateway(
    { limits: { accountsPerMinutePerAddress: 8, loginsPerMinutePerAddress: 8 } },
    folder,
  );
  ann = await server.user('ann');
  await server.user('bob');
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(server.httpUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const asAnn = () => ({ authorization: `Bearer ${ann}`, 'x-device-id': 'd1' });
const rpc = (body: unknown, headers = asAnn()) => post('/v1/rpc', body, headers);
const get = (path: string, headers: Record<string, string> = asAnn()) =>
  fetch(server.httpUrl + path, { headers });
const say = (text: string) =>
  server.mailboxes
    .mailbox('bob')
    .call('sendMessage', { conversationId: 'dm:ann:bob', text, messageId: messageId('bob', text) });

describe('accounts', () => {
  it('register, once; log in; open a session with the token', async () => {
    const eve = { userId: 'eve', name: 'Eve', password: 'päss' };
    const created = await post('/v1/users', eve);
    expect(created.status).toBe(201);
    expect(await created.json()).toEqual({ userId: 'eve', token: expect.any(String) as string });
    const again = await post('/v1/users', { ...eve, password: 'other' });
    expect(again.status).toBe(409);
    expect(errorText((await again.json()) as Json)).toBe('conflict');

    const answer = await post('/v1/sessions', { userId: 'eve', password: 'pa\u0308ss' });
    expect(answer.status).toBe(200);
    const { token, expiresAt } = (await answer.json()) as { token: string; expiresAt: number };
    expect(expiresAt).toBeGreaterThan(Date.now());
    (await WireClient.open(server.wsUrl, token)).close();
  });

  it('an unknown user and a wrong password get the same answer', async () => {
    const answers = await Promise.all(
      [
        { userId: 'eve', password: 'wrong' },
        { userId: 'nobody', password: 'wrong' },
      ].map(async (body) => {
        const answer = await post('/v1/sessions', body);
        return [answer.status, await answer.text()];
      }),
    );
    expect(answers[0]?.[0]).toBe(401);
    expect(answers[0]).toEqual(answers[1]);
  });

  it.each<[unknown, string]>([
    ['{', 'parse_error'],
    [{ userId: 'a/b', name: 'x', password: 'x' }, 'invalid_params userId'],
    [{ userId: 'ab', password: 'x' }, 'invalid_params name'],
    [{ userId: 'ab', name: 'x', password: 5 }, 'invalid_params password'],
  ])('%j is refused with 400', async (body, expected) => {
    const answer = await post('/v1/users', body);
    expect([answer.status, errorText((await answer.json()) as Json)]).toEqual([400, expected]);
  });

  it('too many from one address get 429 with Retry-After', async () => {
    const statuses = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      statuses.push(await post('/v1/users', {}), await post('/v1/sessions', {}));
    }
    const limited = statuses.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(0);
    for (const { headers } of limited) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('POST /v1/rpc', () => {
  const call = (method: string, params: object = {}, id: unknown = 1) => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  });

  it('answers a call, a batch, and what is no call', async () => {
    const params = { to: 'bob', text: 'by post', messageId: messageId('ann', 'post') };
    const answer = await rpc(call('sendMessage', params));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: 1, result: { duplicate: false } });
    const batch = await rpc([call('sendMessage', params, 'x'), call('nope'), 5]);
    const replies = (await batch.json()) as Json[];
    expect(replies.map((reply) => [reply['id'], errorText(reply)])).toEqual([
      [1, 'method_not_found'],
      [null, 'invalid_request'],
      ['x', 'no error'],
    ]);
    for (const [body, expected] of [
      ['{', 'parse_error'],
      ['[]', 'invalid_request'],
      ['7', 'invalid_request'],
      [JSON.stringify(call('session.open')), 'method_not_found'],
    ] as const) {
      const refused = await rpc(body);
      expect([refused.status, errorText((await refused.json()) as Json)]).toEqual([200, expected]);
    }
  });

  it('has nothing to say to notifications', async () => {
    const answer = await rpc({ jsonrpc: '2.0', method: 'getConversations' });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect((await rpc([{ jsonrpc: '2.0', method: 'getConversations' }])).status).toBe(204);
  });

  it('wants a valid token and a device', async () => {
    const { authorization } = asAnn();
    expect((await rpc(call('getConversations'), {} as never)).status).toBe(401);
    const forged = { authorization: `${authorization}x`, 'x-device-id': 'd1' };
    expect((await rpc(call('getConversations'), forged)).status).toBe(401);
    expect((await rpc(call('getConversations'), { authorization } as never)).status).toBe(400);
    expect((await rpc(call('getConversations'), { authorization, 'x-device-id': 'a b' })).status).toBe(400);
  });

  it('a body above the limit gets 413, announced or not', async () => {
    const body = JSON.stringify(call('getConversations')).padEnd(65_537);
    expect((await rpc(body)).status).toBe(413);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(body));
        controller.close();
      },
    });
    const init = { method: 'POST', headers: asAnn(), body: stream, duplex: 'half' };
    expect((await fetch(`${server.httpUrl}/v1/rpc`, init as RequestInit)).status).toBe(413);
  });
});

describe('requests without an end', () => {
  it('G10: get 408, be it for their head or their body, and their connections are closed', async () => {
    const who = `Authorization: Bearer ${ann}\r\nX-Device-Id: d1\r\n`;
    const head = `POST /v1/rpc HTTP/1.1\r\nHost: x\r\n${who}`;
    const answers = ['', head, `${head}Content-Length: 9\r\n\r\n{`].map(
      (beginning) =>
        new Promise<string>((resolve) => {
          const socket = connect(Number(new URL(server.httpUrl).port), '127.0.0.1');
          let answer = '';
          socket.on('data', (data) => (answer += data.toString()));
          socket.on('close', () => {
            resolve(answer.slice(0, 12));
          });
          socket.write(beginning);
        }),
    );
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 3 }, () => 'HTTP/1.1 408'));
  }, 60_000);
});

describe('GET /v1/changes', () => {
  const changes = async (query: string) => (await (await get(`/v1/changes?${query}`)).json()) as Json;

  it('answers like getChanges', async () => {
    const { cursor } = await changes('');
    await say('polled');
    expect(await changes(`since=${String(cursor)}`)).toMatchObject({
      changes: [{ kind: 'message', message: { text: 'polled' } }],
      hasMore: false,
    });
    expect(await changes('since=gone')).toMatchObject({ reset: true });
  });

  it('waits for a change, and not longer than asked', async () => {
    const { cursor } = await changes('');
    const waiting = changes(`since=${String(cursor)}&waitMs=5000`);
    setTimeout(() => void say('later'), 50);
    expect(await waiting).toMatchObject({ changes: [{ message: { text: 'later' } }] });
    const now = String((await changes(''))['cursor']);
    const startedMs = performance.now();
    expect(await changes(`since=${now}&waitMs=100`)).toEqual({ changes: [], cursor: now, hasMore: false });
    expect(performance.now() - startedMs).toBeGreaterThan(95);
    expect(server.mailboxes.mailbox('ann').listenerCount).toBe(0);
  });

  it.each(['waitMs=x', 'waitMs=-1', 'waitMs=60001', 'limit=0', 'limit=1001'])('refuses %s', async (query) => {
    expect((await get(`/v1/changes?since=0&${query}`)).status).toBe(400);
  });
});

describe('GET /v1/events', () => {
  async function events(headers: Record<string, string>, query: string, count: number): Promise<string[]> {
    const abort = new AbortController();
    const response = await fetch(`${server.httpUrl}/v1/events${query}`, { headers, signal: abort.signal });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const found: string[] = [];
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      found.splice(0, found.length, ...text.split('\n\n').filter((part) => /^(id|event):/.test(part)));
      if (found.length >= count) break;
      if (text.includes(': open') && found.length === 0 && query === '') void say('streamed');
    }
    abort.abort();
    return found;
  }

  it('streams the feed, from a cursor or from now on', async () => {
    const [first] = await events(asAnn(), '?since=0', 1);
    expect(first).toMatch(/^id: 1\ndata: \{"cursor":"1","kind":"message"/);
    const [id, data] = (await events(asAnn(), '', 1))[0]?.split('\n') ?? [];
    expect(data).toContain('streamed');
    const cursor = Number(id?.slice(4));
    const resumed = await events({ ...asAnn(), 'last-event-id': String(cursor - 1) }, '?since=0', 1);
    expect(resumed[0]).toContain('streamed');
  });

  it('G8: from now on, says where that is before the first change, and nobody who comes back misses any', async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.httpUrl}/v1/events`, { headers: asAnn(), signal: abort.signal });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.endsWith('\n\n')) break;
    }
    abort.abort();
    const cursor = /^: open\nid: (\d+)\n\n$/.exec(text)?.[1] ?? '';
    await say('between two connections');
    const resumed = await events({ ...asAnn(), 'last-event-id': cursor }, '', 1);
    expect(resumed[0]).toContain('between two connections');
  });

  it('says reset where the cursor is unknown', async () => {
    expect((await events(asAnn(), '?since=gone', 1))[0]).toMatch(
      /^event: reset\nid: \d+\ndata: \{"reset":true/,
    );
  });

  it('lets go of the mailbox when the client is gone', async () => {
    await expect.poll(() => server.mailboxes.mailbox('ann').listenerCount).toBe(0);
  });
});

describe('everything else', () => {
  const raw = (request: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(server.httpUrl).port), '127.0.0.1', () => socket.write(request));
      let text = '';
      socket.on('data', (data) => {
        text += data.toString();
      });
      socket.on('close', () => resolve(text));
      setTimeout(() => socket.destroy(), 1_000);
    });

  it('serves the web client, its files only', async () => {
    const page = await get('/', {});
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html>']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const script = await get('/assets/app.js', {});
    expect(script.headers.get('content-type')).toContain('text/javascript');
    const etag = script.headers.get('etag') ?? '';
    expect((await get('/assets/app.js', { 'if-none-match': etag })).status).toBe(304);
    expect((await get('/nothing', {})).status).toBe(404);
    for (const path of [
      '/../package.json',
      '/assets/../../etc/passwd',
      '/%2e%2e/etc/passwd',
      '/assets%2fapp.js',
    ]) {
      expect(await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 (404|400)/,
      );
    }
  });

  it.each([
    ['openapi.json', 'openapi', '3.1.0'],
    ['asyncapi.json', 'asyncapi', '3.0.0'],
  ])('serves the reference: %s', async (name, key, version) => {
    const answer = await get(`/v1/${name}`, {});
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toMatchObject({ [key]: version });
  });

  it('/v1/ws without an upgrade gets 426', async () => {
    expect((await get('/v1/ws', {})).status).toBe(426);
  });

  it('an upgrade elsewhere gets 404, a broken one 4xx, another protocol its plain answer', async () => {
    const upgrade = (
      path: string,
      more = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
    ) => raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`);
    expect(await upgrade('/other')).toContain('404');
    expect(await upgrade('/v1/ws', '')).toMatch(/^HTTP\/1.1 4\d\d/);
    const h2c = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n';
    expect(await raw(h2c)).toContain('200');
  });

  it('headers that are too large are refused', async () => {
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toContain('431');
  });
});
