import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { systemTime } from '../../src/std/time.ts';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { messageId } from '../support/wire-client.ts';

let server: TestGateway;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

const from = (token: string) => ({ authorization: `Bearer ${token}`, 'x-device-id': 'd1' });

/** The status of a call. */
async function ask(token: string): Promise<number> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getConversations', params: {} });
  const answer = await fetch(`${server.httpUrl}/v1/rpc`, { method: 'POST', headers: from(token), body });
  await answer.text();
  return answer.status;
}

/** A connection that writes this and reads nothing. */
function write(text: string): Socket {
  const socket = connect(Number(new URL(server.httpUrl).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(text);
  sockets.push(socket);
  return socket;
}

function head(request: string, token: string, more = ''): string {
  return `${request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nX-Device-Id: d1\r\n${more}\r\n`;
}

describe('G10: bodies that do not come in', () => {
  /** As many as a user has places for. */
  function begin(token: string): void {
    for (let place = 0; place < 128; place++) {
      write(`${head('POST /v1/rpc', token, 'Content-Length: 100\r\n')}{`);
    }
  }

  it('cost their user a place each, for as long as they are there', async () => {
    server = await startTestGateway();
    const ann = await server.user('ann');
    begin(ann);
    await expect.poll(() => ask(ann)).toBe(503);
    expect(await ask(await server.user('bob'))).toBe(200);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(() => ask(ann)).toBe(200);
  });

  it('keep nobody else out, be they more than all calls that a node carries out at once', async () => {
    server = await startTestGateway();
    for (let user = 0; user < 9; user++) {
      const token = await server.user(`u${user}`);
      begin(token);
      await expect.poll(() => ask(token)).toBe(503);
    }
    expect(await ask(await server.user('bob'))).toBe(200);
  });
});

describe('G10: replies that are not taken', () => {
  const page = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'getMessages',
    params: { conversationId: 'dm:ann:bob', limit: 200 },
  });

  /** `ann` has a page of 9.8 MB: more than the system takes for a connection that is not read. */
  function fill(): void {
    for (let seq = 1; seq <= 200; seq++) {
      const text = '\u0001'.repeat(8_192);
      const messageId = `${seq}.bob.d1`;
      const message = { conversationId: 'dm:ann:bob', seq, messageId, from: 'bob', text, timestamp: 0 };
      server.mailboxes.mailbox('ann').append(message);
    }
  }

  /** What a connection that is not read learns of its end. */
  const isClosed = (socket: Socket): boolean => {
    socket.write('\r\n');
    return socket.destroyed;
  };

  it('are given up with their connections', async () => {
    let aheadMs = 0;
    const time = { ...systemTime, monotonicMs: () => systemTime.monotonicMs() + aheadMs };
    server = await startTestGateway({ session: { stalledMs: 400 } }, undefined, [], time);
    const ann = await server.user('ann');
    fill();
    const asked = head('POST /v1/rpc', ann, `Content-Length: ${page.length}\r\n`) + page;
    const unread = [write(asked), write(asked)];
    const { called } = server.mailboxes.mailbox('ann');
    await expect.poll(() => called.filter((name) => name === 'getMessages').length).toBe(2);
    await expect.poll(() => ((aheadMs += 50_000), unread.every(isClosed))).toBe(true);
  });

  it('are not piled up by one connection', async () => {
    server = await startTestGateway();
    const socket = write('GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(150));
    await expect.poll(() => isClosed(socket)).toBe(true);
  });
});

describe('an event stream that is not read for a while', () => {
  const usualBytes = getDefaultHighWaterMark(false);
  afterEach(() => setDefaultHighWaterMark(false, usualBytes));

  it('G8: goes on, also when it was full while its socket had not asked for a pause', async () => {
    // A socket says when it takes data again only where it said before that it takes none.
    setDefaultHighWaterMark(false, 1 << 30);
    server = await startTestGateway({ session: { writeBufferBytesMax: 65_536 } });
    const ann = server.mailboxes.mailbox('ann');
    const socket = write(head('GET /v1/events', await server.user('ann')));
    await expect.poll(() => ann.listenerCount).toBe(2);
    const text = 'x'.repeat(60_000);
    for (let seq = 1; seq <= 300; seq++) {
      const messageId = `${seq}.bob.d1`;
      ann.append({ conversationId: 'dm:ann:bob', seq, messageId, from: 'bob', text, timestamp: 0 });
    }
    let [received, end] = [0, ''];
    socket.on('data', (data) => {
      received += data.length;
      end = (end + data.toString()).slice(-200_000);
    });
    socket.resume();
    await expect.poll(() => end).toContain('"seq":300,');
    expect(received).toBeGreaterThan(300 * text.length);
  });
});

describe('a node that stops', () => {
  it('answers calls that came by HTTP and are under way, and takes in no more', async () => {
    server = await startTestGateway();
    const ann = await server.user('ann');
    await server.user('bob');
    const gate = Promise.withResolvers<undefined>();
    const mailbox = server.mailboxes.mailbox('ann');
    mailbox.gate = gate.promise;
    const id = messageId('ann', 'last');
    const params = { to: 'bob', text: 'last', messageId: id };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'sendMessage', params });
    const before = mailbox.called.length;
    const sent = fetch(`${server.httpUrl}/v1/rpc`, { method: 'POST', headers: from(ann), body });
    await expect.poll(() => mailbox.called.length).toBeGreaterThan(before);
    const stopped = server.stop();
    // Time enough to cut it off for a node that does not wait.
    await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 200))]);
    gate.resolve(undefined);
    const answer = await sent;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ result: { messageId: id } });
    await stopped;
  });
});
