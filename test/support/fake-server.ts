import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Packr } from 'msgpackr';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import { FakeBackend } from './fake-backend.ts';
import type { Params } from './fake-backend.ts';

/** One call as it arrived. */
export interface SeenCall {
  readonly method: string;
  readonly params: Params;
}

/** What a test wants to happen to a call: answer it, never answer, do it but lose the reply, or refuse it. */
export type Verdict = 'answer' | 'ignore' | 'lose-reply' | ProtocolError;

interface Connected {
  readonly socket: WebSocket;
  readonly isBinary: boolean;
  userId: string | undefined;
}

const packr = new Packr({ useRecords: false });

/** Serves a `FakeBackend` over HTTP and WebSocket on a free loopback port. Tokens are `token-<userId>`. */
export class FakeServer {
  readonly backend: FakeBackend;
  readonly seen: SeenCall[] = [];
  /** Decides about each call; a test replaces it. */
  intercept: (call: SeenCall) => Verdict = () => 'answer';
  /** Answers wait for it. */
  hold: Promise<undefined> | undefined;
  /** Whether every cursor is too old. */
  forgetsCursors = false;
  /** A larger one closes its socket with 4504. */
  frameBytesMax = 65_536;
  readonly #http: Server;
  readonly #connected = new Set<Connected>();

  private constructor(backend: FakeBackend) {
    this.backend = backend;
    backend.onChange = (userId, change) => this.push(userId, 'change', change);
    this.#http = createServer((request, response) => void this.#serve(request, response));
    const sockets = new WebSocketServer({ server: this.#http, path: '/v1/ws' });
    sockets.on('connection', (socket) => this.#connect(socket));
  }

  static async start(backend = new FakeBackend(), port = 0): Promise<FakeServer> {
    const server = new FakeServer(backend);
    server.#http.listen(port, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/v1/ws`;
  }

  get sessions(): number {
    return [...this.#connected].filter(({ userId }) => userId !== undefined).length;
  }

  get sockets(): number {
    return this.#connected.size;
  }

  /** Sends a push to every session of a user. */
  push(userId: string, method: string, params: object): void {
    for (const connected of this.#connected) {
      if (connected.userId === userId) this.#write(connected, { jsonrpc: '2.0', method, params });
    }
  }

  closeSockets(code: number): void {
    for (const { socket } of this.#connected) socket.close(code);
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#connected) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  #write({ socket, isBinary }: Connected, value: object): void {
    socket.send(isBinary ? packr.pack(value) : JSON.stringify(value));
  }

  #connect(socket: WebSocket): void {
    const isBinary = socket.protocol === 'mailring.v1.msgpack';
    const connected: Connected = { socket, isBinary, userId: undefined };
    this.#connected.add(connected);
    socket.on('close', () => this.#connected.delete(connected));
    socket.on('message', (data: Buffer) => {
      if (data.byteLength > this.frameBytesMax) {
        socket.close(4504);
        return;
      }
      const call = (isBinary ? packr.unpack(data) : JSON.parse(data.toString())) as SeenCall & { id: number };
      this.#receive(connected, call);
    });
  }

  #receive(connected: Connected, { id, method, params }: SeenCall & { id: number }): void {
    this.seen.push({ method, params });
    const verdict = this.intercept({ method, params });
    if (verdict === 'ignore') return;
    try {
      if (verdict instanceof ProtocolError) throw verdict;
      if (method === 'session.open') {
        this.#open(connected, id, params);
        return;
      }
      if (connected.userId === undefined) throw new ProtocolError('unauthenticated', 'open a session first');
      const result = this.backend.answer(connected.userId, method, params);
      if (verdict === 'answer') void this.#answer(connected, { jsonrpc: '2.0', id, result });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#write(connected, { jsonrpc: '2.0', id, error: error.toJSON() });
    }
  }

  async #answer(connected: Connected, reply: object): Promise<void> {
    if (this.hold !== undefined) await this.hold;
    this.#write(connected, reply);
  }

  #open(connected: Connected, id: number, params: Params): void {
    const userId = typeof params['token'] === 'string' ? params['token'].replace(/^token-/, '') : '';
    const user = this.backend.users.get(userId);
    if (user === undefined) throw new ProtocolError('unauthenticated', 'unknown token');
    connected.userId = userId;
    const head = String(user.feed.length);
    const since = params['since'];
    const isKnown = !this.forgetsCursors && typeof since === 'string' && Number(since) <= user.feed.length;
    const result = {
      userId,
      nodeId: 'fake',
      cursor: isKnown ? since : head,
      serverTime: Date.now(),
      heartbeatMs: 15_000,
      limits: { textBytesMax: 8192, frameBytesMax: this.frameBytesMax, batchMax: 50, membersMax: 100 },
      ...(since !== undefined && !isKnown ? { reset: true } : {}),
    };
    this.#write(connected, { jsonrpc: '2.0', id, result });
    if (!isKnown) return;
    for (const change of user.feed.slice(Number(since))) {
      this.#write(connected, { jsonrpc: '2.0', method: 'change', params: change });
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    const fields = (body === '' ? {} : JSON.parse(body)) as {
      userId: string;
      name: string;
      password: string;
    };
    const reply = (status: number, answer: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    };
    const user = this.backend.users.get(fields.userId);
    if (request.url === '/v1/users') {
      if (user !== undefined) {
        reply(409, {});
        return;
      }
      this.backend.addUser(fields.userId, fields.name, fields.password);
      reply(201, { userId: fields.userId, token: `token-${fields.userId}` });
    } else if (request.url === '/v1/sessions') {
      if (user?.password !== fields.password) {
        reply(401, {});
        return;
      }
      reply(200, { token: `token-${fields.userId}`, expiresAt: Date.now() + 3_600_000 });
    } else if (request.url === '/metrics') {
      const cpuSeconds = process.cpuUsage().user / 1e6;
      response.end(`process_cpu_seconds_total ${cpuSeconds}\nmailring_commits_total 1\n`);
    } else {
      reply(404, {});
    }
  }
}
