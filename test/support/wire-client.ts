import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { wireFault } from './wire-conformance.ts';

export type Json = Record<string, unknown>;
export type Subprotocol = 'mailring.v1.json' | 'mailring.v1.msgpack';

const packr = new Packr({ useRecords: false });
const waitMs = 15_000;

/**
 * A WebSocket as a test sees it: every message that came, every close code, nothing interpreted; but what is not as
 * the documents say fails the test.
 */
export class WireClient {
  readonly socket: WebSocket;
  readonly subprotocol: Subprotocol;
  /** Messages not taken yet, in the order they came. */
  readonly inbox: unknown[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting: (() => void)[] = [];
  /** What was asked with `send` and not answered yet, by the ids of the requests. */
  readonly #asked = new Map<unknown, string>();
  #fault: string | undefined;
  #nextId = 1;

  private constructor(socket: WebSocket, subprotocol: Subprotocol) {
    this.socket = socket;
    this.subprotocol = subprotocol;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => {
      const message: unknown = isBinary ? packr.unpack(data) : JSON.parse(data.toString());
      this.#fault ??= wireFault(message, (id) => this.#answered(id));
      this.inbox.push(message);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async connect(
    url: string,
    subprotocol: Subprotocol = 'mailring.v1.json',
    autoPong = true,
  ): Promise<WireClient> {
    const socket = new WebSocket(url, subprotocol, { perMessageDeflate: false, autoPong });
    const client = new WireClient(socket, subprotocol);
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    return client;
  }

  /** Connects and opens a session. */
  static async open(
    url: string,
    token: string,
    options: { deviceId?: string; subprotocol?: Subprotocol; since?: string } = {},
  ): Promise<WireClient> {
    const client = await WireClient.connect(url, options.subprotocol);
    const { since, deviceId = 'd1' } = options;
    await client.result('session.open', { token, deviceId, ...(since !== undefined && { since }) });
    return client;
  }

  send(value: unknown): void {
    for (const request of [value].flat()) {
      const { id, method } = (request ?? {}) as Json;
      if (typeof method === 'string') this.#asked.set(id, method);
    }
    const isText = this.subprotocol === 'mailring.v1.json';
    this.socket.send(isText ? JSON.stringify(value) : packr.pack(value), { binary: !isText });
  }

  request(method: string, params?: unknown): number {
    const id = this.#nextId++;
    this.send({ jsonrpc: '2.0', id, method, params });
    return id;
  }

  #answered(id: unknown): string | undefined {
    const method = this.#asked.get(id);
    this.#asked.delete(id);
    return method;
  }

  /** Sends a call and waits for its reply; whatever else comes stays in the inbox. */
  async call(method: string, params?: unknown): Promise<Json> {
    const id = this.request(method, params);
    return this.take((message) => (message as Json)['id'] === id);
  }

  /** The result of a call; throws on an error reply. */
  async result(method: string, params?: unknown): Promise<Json> {
    const reply = await this.call(method, params);
    if (reply['error'] !== undefined) throw new Error(JSON.stringify(reply['error']));
    return reply['result'] as Json;
  }

  /** The error kind of a call and where it points, as `kind` or `kind path`. */
  async errorOf(method: string, params?: unknown): Promise<string> {
    return errorText(await this.call(method, params));
  }

  /** The first message in the inbox that matches, waiting for it. */
  async take(matches: (message: unknown) => boolean = () => true, forMs = waitMs): Promise<Json> {
    const deadline = Date.now() + forMs;
    for (;;) {
      if (this.#fault !== undefined) throw new Error(this.#fault);
      const index = this.inbox.findIndex(matches);
      if (index >= 0) return this.inbox.splice(index, 1)[0] as Json;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`nothing came; inbox: ${JSON.stringify(this.inbox).slice(0, 500)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The next push of the feed. */
  async change(): Promise<Json> {
    const push = await this.take((message) => (message as Json)['method'] === 'change');
    return push['params'] as Json;
  }

  close(): void {
    this.socket.terminate();
  }
}

/** `kind`, or `kind path` where the error names a field; `no error` for a result. */
export function errorText(reply: Json): string {
  const error = reply['error'] as { data: { kind: string; path?: string } } | undefined;
  if (error === undefined) return 'no error';
  return error.data.path === undefined ? error.data.kind : `${error.data.kind} ${error.data.path}`;
}

export function messageId(userId: string, suffix: string, epochMs = Date.now(), deviceId = 'd1'): string {
  return `${epochMs}.${userId}.${deviceId}.${suffix}`;
}
