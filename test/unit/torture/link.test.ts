import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { SeededRandom } from '../../../scripts/replay/seeded-random.ts';
import { Evidence } from '../../../scripts/torture/checker/evidence.ts';
import { openingsOf } from '../../../scripts/torture/checker/openings.ts';
import { checkFeed } from '../../../scripts/torture/checker/rules/feed.ts';
import { CallLog } from '../../../scripts/torture/client/call-log.ts';
import { Link } from '../../../scripts/torture/client/link.ts';
import { History } from '../../../scripts/torture/history.ts';

let server: WebSocketServer;

beforeEach(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: ([first = '']) => first });
  await once(server, 'listening');
});

afterEach(async () => {
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
});

function linkTo(history: History): Link {
  const { port } = server.address() as AddressInfo;
  let connections = 0;
  return new Link({
    ...{ userId: 'ann', deviceId: 'd1', token: 'token', encoding: 'json' },
    urls: [`ws://127.0.0.1:${String(port)}`],
    log: new CallLog(history, () => performance.now()),
    random: new SeededRandom(1),
    now: () => performance.now(),
    nextConnection: () => ++connections,
    onChange: () => undefined,
  });
}

/** What comes of a `session.open`: the socket, and how to answer. */
async function asked(): Promise<{ readonly socket: WebSocket; readonly answer: () => void }> {
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const [frame] = (await once(socket, 'message')) as [Buffer];
  const { id } = JSON.parse(frame.toString()) as { id: number };
  return {
    socket,
    answer: () => socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: { cursor: '1' } })),
  };
}

describe('a link of the torture', () => {
  it('that has left before its session was open is told nothing on it, and nobody misses that', async () => {
    const history = new History();
    const link = linkTo(history);
    link.start();
    const { socket, answer } = await asked();
    const gone = once(socket, 'close');
    const ended = link.end();
    answer();
    await Promise.all([ended, gone]);

    expect(openingsOf(history)).toHaveLength(1);
    const feed = history.feedOf('ann');
    feed.startCursor = '1';
    const marks = { userId: 'bob', deliveredSeq: 2, readSeq: 0 };
    feed.changes.push({ cursor: '2', kind: 'receipt', conversationId: 'dm:ann:bob', ...marks });
    expect(checkFeed(new Evidence(history, []))).toEqual([]);
  });
});
