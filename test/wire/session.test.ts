import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { messageId, WireClient } from '../support/wire-client.ts';

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
      limits: { textBytesMax: 8192, frameBytesMax: 65_536, batchMax: 64, membersMax: 1000 },
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
