import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { RawSocket } from '../../../src/cli/bench/raw-socket.ts';

let server: WebSocketServer;
let proxy: Server | undefined;
const sockets = new Set<Socket>();

/** Passes everything on, but hands the answers out in pieces of `pieceBytes`, so that frames are cut anywhere. */
function startProxy(upstreamPort: number, pieceBytes: number): Server {
  const started = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.pipe(upstream);
    void (async () => {
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += pieceBytes) {
          client.write(chunk.subarray(at, at + pieceBytes));
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      client.end();
    })().catch(() => client.destroy());
  });
  started.listen(0, '127.0.0.1');
  return started;
}

const portOf = (listening: { address(): unknown }) => (listening.address() as AddressInfo).port;

async function open(port: number) {
  const received: string[] = [];
  const closed: number[] = [];
  const connected = once(server, 'connection') as Promise<[WebSocket]>;
  const socket = await RawSocket.open(`ws://127.0.0.1:${port}/v1/ws`, {
    received: (bytes, start, end) => received.push(bytes.toString('utf8', start, end)),
    closed: (code) => closed.push(code),
  });
  const [peer] = await connected;
  return { socket, peer, received, closed };
}

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const client of server.clients) client.terminate();
  proxy?.close();
  server.close();
  await once(server, 'close');
});

describe('RawSocket', () => {
  const texts = [
    '',
    'short',
    'x'.repeat(125),
    'y'.repeat(126),
    'z'.repeat(65_535),
    'ü'.repeat(40_000),
    'end',
  ];

  test.each([7, 1_000, 100_000])('reads frames of all lengths in pieces of %d bytes', async (pieceBytes) => {
    proxy = startProxy(portOf(server), pieceBytes);
    await once(proxy, 'listening');
    const { peer, received } = await open(portOf(proxy));
    for (const text of texts) peer.send(text);
    await vi.waitFor(() => expect(received).toHaveLength(texts.length), 20_000);
    expect(received).toEqual(texts);
  });

  test('writes frames of all lengths, in order, as a real server reads them', async () => {
    const { socket, peer } = await open(portOf(server));
    const heard: string[] = [];
    peer.on('message', (data: Buffer) => heard.push(data.toString()));
    const ascii = texts.filter((text) => !text.includes('ü'));
    for (const text of ascii) socket.send(text);
    await vi.waitFor(() => expect(heard).toHaveLength(ascii.length));
    expect(heard).toEqual(ascii);
  });

  test('answers pings', async () => {
    const { peer } = await open(portOf(server));
    peer.ping('are you there?');
    const [payload] = (await once(peer, 'pong')) as [Buffer];
    expect(payload.toString()).toBe('are you there?');
  });

  test('reports the code it was closed with, and 1006 where there was none', async () => {
    const first = await open(portOf(server));
    first.peer.close(4003);
    await vi.waitFor(() => expect(first.closed).toEqual([4003]));
    const second = await open(portOf(server));
    second.peer.terminate();
    await vi.waitFor(() => expect(second.closed).toEqual([1006]));
  });

  test('closes with a handshake', async () => {
    const { socket, peer, closed } = await open(portOf(server));
    socket.close();
    const [code] = (await once(peer, 'close')) as [number];
    expect(code).toBe(1000);
    await vi.waitFor(() => expect(closed).toEqual([1000]));
  });

  test('rejects where there is no WebSocket', async () => {
    const events = { received: () => undefined, closed: () => undefined };
    await expect(RawSocket.open('ws://127.0.0.1:1/', events)).rejects.toThrow('ECONNREFUSED');
    await expect(RawSocket.open('wss://127.0.0.1:1/', events)).rejects.toThrow('ws://');
    server.options.path = '/elsewhere';
    await expect(RawSocket.open(`ws://127.0.0.1:${portOf(server)}/v1/ws`, events)).rejects.toThrow('400');
  });
});
