import { pack } from 'msgpackr';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

let server: TestGateway;
let token: string;
const clients: WireClient[] = [];

beforeAll(async () => {
  server = await startTestGateway();
  token = await server.user('ann');
  await server.user('bob');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => server.stop());

async function open(subprotocol: 'mailring.v1.json' | 'mailring.v1.msgpack' = 'mailring.v1.json') {
  const client = await WireClient.open(server.wsUrl, token, { subprotocol });
  clients.push(client);
  return client;
}

async function answerTo(client: WireClient, text: string): Promise<Json> {
  client.socket.send(text);
  return client.take();
}

describe('JSON frames', () => {
  it.each(['', '{', 'hello', "{'a': 1}", '{"jsonrpc":"2.0"', '\ufeff{}', '{"a":1}}', 'NaN'])(
    'not JSON gets parse_error with id null: %j',
    async (text) => {
      const client = await open();
      expect(await answerTo(client, text)).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: {
          code: -32700,
          message: expect.any(String) as string,
          data: { kind: 'parse_error', retryable: false },
        },
      });
      expect(await client.errorOf('getConversations')).toBe('no error');
    },
  );

  it.each<[string, string, number | string | null]>([
    ['a number', '5', null],
    ['null', 'null', null],
    ['an empty object', '{}', null],
    ['no jsonrpc', '{"id":1,"method":"getConversations"}', 1],
    ['jsonrpc 1.0', '{"jsonrpc":"1.0","id":2,"method":"getConversations"}', 2],
    ['jsonrpc as a number', '{"jsonrpc":2.0,"id":3,"method":"getConversations"}', 3],
    ['no method', '{"jsonrpc":"2.0","id":"a"}', 'a'],
    ['a number for a method', '{"jsonrpc":"2.0","id":4,"method":7}', 4],
    ['a reply', '{"jsonrpc":"2.0","id":5,"result":{}}', 5],
    ['an object for an id', '{"jsonrpc":"2.0","id":{},"method":"getConversations"}', null],
    ['true for an id', '{"jsonrpc":"2.0","id":true,"method":"getConversations"}', null],
    ['a fraction for an id', '{"jsonrpc":"2.0","id":1.5,"method":"getConversations"}', null],
    ['an id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"getConversations"}', null],
    ['an id beyond all numbers', '{"jsonrpc":"2.0","id":1e999,"method":"getConversations"}', null],
    ['an empty batch', '[]', null],
  ])('%s is invalid_request', async (_name, text, id) => {
    const client = await open();
    const reply = await answerTo(client, text);
    expect(errorText(reply)).toBe('invalid_request');
    expect(reply['id']).toBe(id);
  });

  it('id null and text ids are answered as they are', async () => {
    const client = await open();
    const ids = [null, '', 'a"\\b\u2028\ud800', 0, -1];
    for (const id of ids) {
      client.send({ jsonrpc: '2.0', id, method: 'getConversations' });
      expect(await client.take()).toMatchObject({ id, result: { hasMore: false } });
    }
  });

  it('a call as a notification runs and is not answered, not even when it fails', async () => {
    const client = await open();
    const params = { to: 'bob', text: 'quiet', messageId: messageId('ann', 'quiet') };
    client.send({ jsonrpc: '2.0', method: 'sendMessage', params });
    client.send({ jsonrpc: '2.0', method: 'sendMessage', params: {} });
    client.send({ jsonrpc: '2.0', method: 'noSuchCall' });
    await client.errorOf('getConversations');
    expect((await client.change())['message']).toMatchObject({ text: 'quiet' });
    expect(client.inbox).toEqual([]);
  });

  it('deep nesting and keys of prototypes do no harm', async () => {
    const client = await open();
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    const call = (params: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"getConversations","params":${params}}`;
    const [nested] = (await answerTo(client, deep)) as unknown as Json[]; // a batch, of one
    expect(errorText(nested ?? {})).toBe('invalid_request');
    expect(errorText(await answerTo(client, call(`{"x":${deep}}`)))).toBe('no error');
    expect(errorText(await answerTo(client, call('{"__proto__":{"limit":7},"constructor":1}')))).toBe(
      'no error',
    );
    expect(errorText(await answerTo(client, '{"__proto__":{"jsonrpc":"2.0","method":"x"}}'))).toBe(
      'invalid_request',
    );
    expect(({} as Json)['limit']).toBeUndefined();
  });

  it('a binary frame ends in 4500', async () => {
    const client = await open();
    client.socket.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"getConversations"}'));
    expect((await client.closed).code).toBe(4500);
  });

  it('a text frame that is not UTF-8 ends in 4500', async () => {
    const client = await open();
    client.socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false });
    expect((await client.closed).code).toBe(4500);
  });

  it('half a surrogate pair becomes U+FFFD, for all devices alike', async () => {
    const client = await open();
    const id = messageId('ann', 'half');
    await answerTo(
      client,
      `{"jsonrpc":"2.0","id":1,"method":"sendMessage","params":{"to":"bob","messageId":"${id}","text":"a\\ud83d"}}`,
    );
    expect(server.mailboxes.mailbox('bob').messages.get('dm:ann:bob')?.at(-1)?.text).toBe('a\ufffd');
  });

  it('a frame above the limit ends in 4504, one at the limit does not', async () => {
    const client = await open();
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getConversations', params: {} });
    expect(errorText(await answerTo(client, call.padEnd(65_536)))).toBe('no error');
    client.socket.send(call.padEnd(65_537));
    expect((await client.closed).code).toBe(4504);
  });

  it('so do fragments that are too large together', async () => {
    const client = await open();
    for (let part = 0; part < 5; part++) client.socket.send('x'.repeat(20_000), { fin: false });
    expect((await client.closed).code).toBe(4504);
  });
});

describe('batches', () => {
  const request = (id: number, method = 'getConversations', params: object = {}) => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  });

  it.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)(
    'are answered in one frame in %s',
    async (subprotocol) => {
      const client = await open(subprotocol);
      client.send([
        request(1),
        { jsonrpc: '2.0', method: 'getConversations' },
        7,
        [request(2)],
        request(3, 'nope'),
      ]);
      const replies = (await client.take()) as unknown as Json[];
      expect(replies.map((reply) => [reply['id'], errorText(reply)])).toEqual(
        expect.arrayContaining([
          [1, 'no error'],
          [null, 'invalid_request'],
          [null, 'invalid_request'],
          [3, 'method_not_found'],
        ]),
      );
      expect(replies).toHaveLength(4);
    },
  );

  it('of notifications only get no answer', async () => {
    const client = await open();
    client.send([{ jsonrpc: '2.0', method: 'getConversations' }]);
    await client.errorOf('getConversations');
    expect(client.inbox).toEqual([]);
  });

  it('above batchMax are too_large as a whole', async () => {
    const client = await open();
    client.send(Array.from({ length: 64 }, (_, id) => request(id)));
    expect(await client.take()).toHaveLength(64);
    client.send(Array.from({ length: 65 }, (_, id) => request(id)));
    const reply = await client.take();
    expect([reply['id'], errorText(reply)]).toEqual([null, 'too_large']);
  });

  it('may open the session and go on with it; the changes come after the replies', async () => {
    const client = await WireClient.connect(server.wsUrl);
    clients.push(client);
    client.send([request(1, 'session.open', { token, deviceId: 'd1', since: '0' }), request(2)]);
    const replies = (await client.take()) as unknown as Json[];
    expect(replies.map(errorText)).toEqual(['no error', 'no error']);
    expect(replies).toHaveLength(2);
    expect((await client.take())['method']).toBe('change');
  });
});

describe('MessagePack frames', () => {
  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a reserved byte', Buffer.from([0xc1])],
    ['an array of four billion', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['a map of four billion', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['a text that is cut', Buffer.from([0xd9, 0xff, 0x61])],
    ['two values', Buffer.from([0x01, 0x02])],
    ['an extension', Buffer.from([0xc7, 0x03, 0x78, 0x61, 0x62, 0x63])],
    ['a number for a key', Buffer.from([0x81, 0x01, 0x02])],
    ['nesting without end', Buffer.alloc(30_000, 0x91)],
    ['JSON', Buffer.from('{"jsonrpc":"2.0"}')],
  ])('%s ends in 4500', async (_name, frame) => {
    const client = await open('mailring.v1.msgpack');
    client.socket.send(frame);
    expect((await client.closed).code).toBe(4500);
    // The next one is read as if nothing had been.
    expect(await (await open('mailring.v1.msgpack')).errorOf('getConversations')).toBe('no error');
  });

  it('a text frame ends in 4500', async () => {
    const client = await open('mailring.v1.msgpack');
    client.socket.send('{}');
    expect((await client.closed).code).toBe(4500);
  });

  it('times as 64-bit integers are taken, and numbers beyond 2^53 refused', async () => {
    const client = await open('mailring.v1.msgpack');
    expect(await client.errorOf('getConversations', { since: BigInt(Date.now()) })).toBe('no error');
    expect(await client.errorOf('getConversations', { since: 2n ** 60n })).toBe('invalid_params since');
    expect(await client.errorOf('getConversations', { since: -5n })).toBe('invalid_params since');
  });

  it('__proto__ as a key does no harm', async () => {
    const client = await open('mailring.v1.msgpack');
    const evil = Object.defineProperty({ x: 1 }, '__proto__', { value: { limit: 500 }, enumerable: true });
    client.socket.send(pack({ jsonrpc: '2.0', id: 'p', method: 'getConversations', params: evil }));
    expect(errorText(await client.take())).toBe('no error');
  });
});

describe('subprotocols', () => {
  it('none means JSON', async () => {
    const socket = new WebSocket(server.wsUrl);
    await new Promise((resolve) => socket.on('open', resolve));
    expect(socket.protocol).toBe('');
    socket.send('x');
    const [data] = await new Promise<[Buffer, boolean]>((resolve) =>
      socket.on('message', (...args) => resolve(args as never)),
    );
    expect(errorText(JSON.parse(data.toString()) as Json)).toBe('parse_error');
    socket.terminate();
  });

  it('the first one known is taken; unknown ones alone are refused', async () => {
    const socket = new WebSocket(server.wsUrl, ['other', 'mailring.v1.msgpack', 'mailring.v1.json']);
    await new Promise((resolve) => socket.on('open', resolve));
    expect(socket.protocol).toBe('mailring.v1.msgpack');
    socket.terminate();
    const refused = new WebSocket(server.wsUrl, ['other']);
    expect(await new Promise((resolve) => refused.on('error', (error) => resolve(error.message)))).toContain(
      '400',
    );
  });
});
