import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { ask, register } from './loopback-http.ts';

/** How often each refusal was seen. */
export type Seen = Record<string, number>;

export interface Attack {
  readonly run: (target: Target) => Promise<void>;
  /** Refusals without which the attack was let through. */
  readonly expected: readonly string[];
}

/** The node under attack, and what it answers. */
export class Target {
  readonly httpUrl: string;
  readonly seen: Seen = {};
  readonly endsAtMs: number;

  constructor(httpUrl: string, forMs: number) {
    this.httpUrl = httpUrl;
    this.endsAtMs = performance.now() + forMs;
  }

  get goesOn(): boolean {
    return performance.now() < this.endsAtMs;
  }

  note(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }

  user(name: string): Promise<string> {
    return register(this.httpUrl, `${name}-${process.pid}`);
  }

  /** A WebSocket whose error replies and end are noted. */
  async socket(from = '127.0.0.1', subprotocol = 'mailring.v1.json'): Promise<WebSocket> {
    const url = `${this.httpUrl.replace('http', 'ws')}/v1/ws`;
    const socket = new WebSocket(url, subprotocol, { localAddress: from, perMessageDeflate: false });
    socket.on('close', (code) => {
      this.note(`close ${code}`);
    });
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, answer) => {
      this.note(`upgrade ${answer.statusCode ?? 0}`);
      socket.terminate();
    });
    socket.on('message', (data: Buffer, isBinary) => {
      const kind = isBinary ? undefined : /"kind":"([a-z_]+)","retryable"/.exec(data.toString())?.[1];
      if (kind !== undefined) this.note(kind);
    });
    await new Promise((resolve) => socket.once('open', resolve).once('close', resolve));
    return socket;
  }

  async session(token: string): Promise<WebSocket> {
    const socket = await this.socket();
    socket.send(call('session.open', { token, deviceId: 'd1' }));
    await new Promise((resolve) => socket.once('message', resolve).once('close', resolve));
    return socket;
  }

  raw(from: string): Socket {
    const { port, hostname } = new URL(this.httpUrl);
    const socket = connect({ port: Number(port), host: hostname, localAddress: from });
    socket.on('error', () => undefined);
    return socket;
  }

  async rest(): Promise<void> {
    await sleep(Math.max(0, this.endsAtMs - performance.now()));
  }
}

const call = (method: string, params: object, id = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });

/** As much as the socket takes, again and again. */
async function pour(target: Target, socket: WebSocket, make: () => string): Promise<void> {
  for (let index = 0; target.goesOn && socket.readyState === WebSocket.OPEN; index++) {
    if (socket.bufferedAmount > 256 * 1024) await sleep(2);
    else socket.send(make());
    if (index % 100 === 0) await sleep(0);
  }
}

/** As fast as four sockets take it, and again where they are closed. */
async function flood(target: Target): Promise<void> {
  const name = `flood-${process.pid}`;
  const tokens = await Promise.all(['flood', 'sink'].map((user) => target.user(user)));
  let sent = 0;
  const message = (): string => {
    const messageId = `${Date.now()}.${name}.d1.${++sent}`;
    return call('sendMessage', { to: `sink-${process.pid}`, text: 'x'.repeat(200), messageId });
  };
  const lane = async (): Promise<void> => {
    while (target.goesOn) {
      const socket = await target.session(tokens[0] ?? '');
      await pour(target, socket, message);
      socket.terminate();
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

/** Asks for pages and reads nothing. */
async function slowReaders(target: Target): Promise<void> {
  const [slow] = [await target.user('slow'), await target.user('peer')];
  const writer = await target.session(slow);
  const peer = `peer-${process.pid}`;
  for (let count = 0; count < 60; count++) {
    const messageId = `${Date.now()}.slow-${process.pid}.d1.${count}`;
    writer.send(call('sendMessage', { to: peer, text: 'x'.repeat(8_000), messageId }));
  }
  await sleep(1_000);
  const conversationId = `dm:${[peer, `slow-${process.pid}`].sort().join(':')}`;
  const sockets = await Promise.all(Array.from({ length: 30 }, () => target.session(slow)));
  for (const [index, socket] of sockets.entries()) {
    // What the user may have at once would be too little for thirty sockets to stand still.
    if (index === 3) await sleep(1_000);
    socket.pause();
    for (let page = 0; page < 50; page++) socket.send(call('getMessages', { conversationId, limit: 60 }));
  }
  await target.rest();
  for (const socket of sockets) socket.resume();
  await sleep(2_000);
  for (const socket of [writer, ...sockets]) socket.terminate();
}

/** After the last socket was opened. */
const closedMaxMs = 25_000;

/** More sockets than one address may have, then 10,000 of 20 addresses, none of which opens a session. */
async function unopened(target: Target): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: 1_200 }, () => target.socket('127.0.1.200')));
  for (let batch = 0; batch < 100; batch++) {
    const some = Array.from({ length: 100 }, (_, index) =>
      target.socket(`127.0.1.${1 + ((batch * 100 + index) % 20)}`),
    );
    sockets.push(...(await Promise.all(some)));
  }
  // The node gives each ten seconds; the attacker, who gets what cores are left over, may read of its end much later.
  const deadlineMs = performance.now() + closedMaxMs;
  const left = (): number => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  while (left() > 0 && performance.now() < deadlineMs) await sleep(250);
  if (left() > 0) throw new Error(`${left()} sockets without a session are still open`);
}

async function oversized(target: Target): Promise<void> {
  const nested = '['.repeat(30_000) + ']'.repeat(30_000);
  const token = await target.user('large');
  const headers = { authorization: `Bearer ${token}`, 'x-device-id': 'd1' };
  while (target.goesOn) {
    const json = await target.socket();
    json.send('x'.repeat(70_000));
    const nestedJson = await target.socket();
    nestedJson.send(nested);
    nestedJson.send(`{"jsonrpc":"2.0","id":1,"method":"getChanges","params":${nested.slice(0, 29_000)}`);
    for (const bytes of [
      Buffer.alloc(70_000),
      Buffer.alloc(60_000, 0x91),
      Buffer.from([0xdd, 255, 255, 255, 255]),
    ]) {
      const packed = await target.socket('127.0.0.1', 'mailring.v1.msgpack');
      packed.send(bytes);
    }
    // The header of a frame of 2^40 bytes.
    const raw = target.raw('127.0.0.1');
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13';
    raw.write(
      `GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
    );
    raw.once('data', () => raw.write(Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4])));
    raw.once('close', () => {
      target.note('claimed size ends');
    });
    for (const body of ['x'.repeat(10_000_000), nested, `[${'1,'.repeat(100)}1]`]) {
      const answer = await ask(`${target.httpUrl}/v1/rpc`, { headers, body }).catch(() => undefined);
      target.note(`http ${answer?.status ?? 'cut off'}`);
    }
    await sleep(50);
    for (const socket of [json, nestedJson]) socket.close();
    raw.destroy();
  }
}

/** Tokens and passwords by trying. */
async function guessing(target: Target): Promise<void> {
  const forged = `eyJhbGciOiJub25lIn0.${Buffer.from('{"sub":"calm-0"}').toString('base64url')}.`;
  const overSockets = Promise.all(
    [1, 2, 3, 4].map(async (last) => {
      while (target.goesOn) {
        const socket = await target.socket(`127.0.2.${last}`);
        // One after the other: a guess while another is looked at is none.
        for (let guess = 0; socket.readyState === WebSocket.OPEN; guess++) {
          const token = guess % 2 === 0 ? forged : `guess-${guess}`;
          socket.send(call('session.open', { token, deviceId: 'd1' }));
          await new Promise((resolve) => socket.once('message', resolve).once('close', resolve));
        }
        socket.terminate();
      }
    }),
  );
  const overHttp = (async () => {
    for (let guess = 0; target.goesOn; guess++) {
      const from = `127.0.2.${10 + (guess % 100)}`;
      const headers = { authorization: `Bearer ${forged}${guess}`, 'x-device-id': 'd1' };
      target.note(`rpc ${(await ask(`${target.httpUrl}/v1/rpc`, { headers, body: '{}', from })).status}`);
      const body = JSON.stringify({ userId: 'calm-0', password: `guess-${guess}` });
      target.note(`log-in ${(await ask(`${target.httpUrl}/v1/sessions`, { body, from })).status}`);
      await sleep(5);
    }
  })();
  await Promise.all([overSockets, overHttp]);
}

/** Requests that never end, or begin. */
async function halfOpen(target: Target): Promise<void> {
  const sockets = Array.from({ length: 1_000 }, (_, index) => target.raw(`127.0.3.${1 + (index % 20)}`));
  sockets.forEach((socket, index) => {
    socket.on('data', (data: Buffer) => {
      target.note(`half ${/^HTTP\/1.1 (\d+)/.exec(data.toString())?.[1] ?? 'answered'}`);
    });
    socket.on('close', () => {
      target.note('half closed');
    });
    const head = 'POST /v1/sessions HTTP/1.1\r\nHost: x\r\n';
    if (index % 3 === 0) socket.write(head);
    else if (index % 3 === 1) socket.write(`${head}Content-Length: 50000\r\n\r\n{`);
  });
  // The node gives a whole request 15 s.
  const endsAtMs = performance.now() + 20_000;
  while (performance.now() < endsAtMs) {
    for (const socket of sockets) if (!socket.destroyed) socket.write('X');
    await sleep(1_000);
  }
  const left = sockets.filter(({ destroyed }) => !destroyed);
  for (const socket of left) socket.destroy();
  if (left.length > 0) throw new Error(`${left.length} requests without an end are still open`);
}

/** More event streams than one user may have, none of which is read. */
async function endlessStreams(target: Target): Promise<void> {
  const token = await target.user('stream');
  const sockets = Array.from({ length: 300 }, () => target.raw('127.0.0.1'));
  for (const socket of sockets) {
    socket.once('data', (data: Buffer) => {
      target.note(`stream ${/^HTTP\/1.1 (\d+)/.exec(data.toString())?.[1] ?? 'without a status'}`);
      socket.pause();
    });
    socket.write(
      `GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nX-Device-Id: d1\r\n\r\n`,
    );
  }
  await target.rest();
  for (const socket of sockets) socket.destroy();
}

export const attacks: Readonly<Record<string, Attack>> = {
  flood: { run: flood, expected: ['rate_limited', 'close 4004'] },
  slowReaders: { run: slowReaders, expected: ['close 4002'] },
  unopened: { run: unopened, expected: ['close 4502', 'upgrade 429', 'upgrade 503'] },
  oversized: {
    run: oversized,
    expected: ['close 4504', 'close 4500', 'parse_error', 'http 413', 'claimed size ends'],
  },
  guessing: {
    run: guessing,
    expected: ['close 4502', 'unauthenticated', 'rpc 401', 'log-in 401', 'log-in 429'],
  },
  halfOpen: { run: halfOpen, expected: ['half 408', 'half closed'] },
  endlessStreams: { run: endlessStreams, expected: ['stream 200', 'stream 503'] },
};
