import { Packr } from 'msgpackr';
import { type RawData, WebSocket } from 'ws';

export type Encoding = 'json' | 'msgpack';

type JsonObject = Readonly<Record<string, unknown>>;

/** The answer to one request, as it came. */
export type Answer =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: JsonObject };

export interface WireEvents {
  /** A JSON-RPC notification. */
  readonly notified: (method: string, params: JsonObject) => void;
  /** Once, when the connection is gone or was never made. */
  readonly closed: (code: number) => void;
}

const packr = new Packr({ useRecords: false });
const connectTimeoutMs = 5_000;

/** JSON-RPC 2.0 over one WebSocket, in either encoding. Knows no call of the protocol. */
export class WireSocket {
  readonly #socket: WebSocket;
  readonly #encoding: Encoding;
  readonly #events: WireEvents;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #nextId = 1;
  #isGone = false;

  private constructor(url: string, encoding: Encoding, events: WireEvents) {
    this.#encoding = encoding;
    this.#events = events;
    this.#socket = new WebSocket(url, `mailring.v1.${encoding}`, {
      perMessageDeflate: false,
      handshakeTimeout: connectTimeoutMs,
    });
    this.#socket.on('message', (data, isBinary) => this.#heard(data, isBinary));
    this.#socket.on('close', (code) => this.#gone(code));
    // What went wrong is told by 'close', which follows.
    this.#socket.on('error', () => undefined);
  }

  /** Resolves with undefined where no connection was made. */
  static connect(url: string, encoding: Encoding, events: WireEvents): Promise<WireSocket | undefined> {
    return new Promise((resolve) => {
      const wire = new WireSocket(url, encoding, {
        notified: events.notified,
        closed: (code) => {
          resolve(undefined);
          events.closed(code);
        },
      });
      wire.#socket.once('open', () => resolve(wire));
    });
  }

  /** Sends a request. `answered` is called once: with undefined when the connection ended first. */
  request(method: string, params: object, answered: (answer: Answer | undefined) => void): void {
    if (this.#isGone) {
      answered(undefined);
      return;
    }
    const id = this.#nextId++;
    this.#waiting.set(id, answered);
    const frame = { jsonrpc: '2.0', id, method, params };
    this.#socket.send(this.#encoding === 'json' ? JSON.stringify(frame) : packr.pack(frame), {
      binary: this.#encoding === 'msgpack',
    });
  }

  /** Says goodbye and leaves; answers that are still on their way are lost. */
  close(): void {
    this.#socket.close(1000);
  }

  /** Drops the connection without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  #heard(data: RawData, isBinary: boolean): void {
    const bytes = data as Buffer;
    const frame = (isBinary ? packr.unpack(bytes) : JSON.parse(bytes.toString())) as
      JsonObject | JsonObject[];
    for (const one of Array.isArray(frame) ? frame : [frame]) this.#take(one);
  }

  #take(frame: JsonObject): void {
    const { id, method, params } = frame;
    if (typeof method === 'string') {
      this.#events.notified(method, params as JsonObject);
      return;
    }
    const answered = this.#waiting.get(Number(id));
    if (answered === undefined) return; // To a request that we no longer wait for.
    this.#waiting.delete(Number(id));
    answered(
      frame['error'] === undefined
        ? { kind: 'result', result: frame['result'] }
        : { kind: 'error', error: frame['error'] as JsonObject },
    );
  }

  #gone(code: number): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const answered of waiting) answered(undefined);
    this.#events.closed(code);
  }
}
