import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

describe.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)('a session in %s', (subprotocol) => {
  let server: TestGateway;
  let ann: string;
  let bob: string;

  beforeAll(async () => {
    server = await startTestGateway();
    ann = await server.user('ann');
    bob = await server.user('bob');
  });
  afterAll(() => server.stop());

  it('opens with what a client has to know', async () => {
    const client = await WireClient.connect(server.wsUrl, subprotocol);
    const opened = await client.result('session.open', { token: ann, deviceId: 'd1' });
    expect(opened).toEqual({
      userId: 'ann',
      nodeId: 'n1',
      cursor: expect.any(String) as string,
      serverTime: expect.any(Number) as number,
      heartbeatMs: 30_000,
      limits: {
        textBytesMax: 8192,
        frameBytesMax: 65_536,
        batchMax: 64,
        membersMax: 1000,
        membersPerCallMax: 1000,
      },
    });
    client.close();
  });

  it('sends a message, which all devices of both get', async () => {
    const from = await WireClient.open(server.wsUrl, ann, { subprotocol });
    const phone = await WireClient.open(server.wsUrl, bob, { subprotocol, deviceId: 'phone' });
    const laptop = await WireClient.open(server.wsUrl, bob, { deviceId: 'laptop' });
    const id = messageId('ann', `m${subprotocol.length}`);
    const sent = await from.result('sendMessage', { to: 'bob', text: 'grüße 👋', messageId: id });
    expect(sent).toMatchObject({ conversationId: 'dm:ann:bob', messageId: id, duplicate: false });
    for (const device of [from, phone, laptop]) {
      const change = await device.change();
      expect(change).toMatchObject({
        kind: 'message',
        message: { from: 'ann', text: 'grüße 👋', seq: sent['seq'] },
      });
      device.close();
    }
  });
});

describe.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)(
  'a user on another node, in %s',
  (subprotocol) => {
    const elsewhere = { nodeId: 'n2', url: 'ws://127.0.0.1:1/v1/ws', epoch: 7 };
    let server: TestGateway;
    let ann: string;

    beforeAll(async () => {
      server = await startTestGateway();
      ann = await server.user('ann');
      await server.user('bob');
    });
    afterAll(() => server.stop());

    it('an open session is told where to go, answered what is under way, and closed with 4001', async () => {
      const client = await WireClient.open(server.wsUrl, ann, { subprotocol });
      const answers = Promise.withResolvers<undefined>();
      server.mailboxes.mailbox('ann').gate = answers.promise;
      const id = messageId('ann', `moved-${subprotocol.length}`);
      const reply = client.call('sendMessage', { to: 'bob', text: 'hello', messageId: id });
      await expect.poll(() => server.mailboxes.mailbox('ann').received).toContain('hello');
      server.mailboxes.move('ann', elsewhere);
      const push = await client.take((message) => (message as Json)['method'] === 'moved');
      expect(push).toEqual({
        jsonrpc: '2.0',
        method: 'moved',
        params: { url: elsewhere.url, afterMs: 0 },
      });
      answers.resolve(undefined);
      expect((await reply)['result']).toMatchObject({ messageId: id });
      expect(await client.closed).toMatchObject({ code: 4001 });
    });

    it('session.open says where to go, and leaves the socket open', async () => {
      const client = await WireClient.connect(server.wsUrl, subprotocol);
      const { error } = await client.call('session.open', { token: ann, deviceId: 'd1' });
      expect(error).toMatchObject({
        code: -32005,
        data: { kind: 'moved', retryable: true, ...elsewhere },
      });
      server.mailboxes.moved.delete('ann');
      await client.result('session.open', { token: ann, deviceId: 'd1' });
      client.close();
    });
  },
);
