import type { Cancel, Time } from '../std/time.ts';
import { CallError, callErrorOf } from './call-error.ts';
import type { FrameCodec } from './frame-codec.ts';
import type { Frame, OpenSocket, Socket } from './socket.ts';

/** How one request over one socket ended. A socket that breaks answers nothing: see `ConnectionEvents.closed`. */
export type Outcome =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: CallError };

export interface ConnectionEvents {
  opened(): void;
  pushed(method: string, params: unknown): void;
  /** The last event, exactly once. Requests without an outcome have an unknown fate. */
  closed(code: number, reason: string): void;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly openSocket: OpenSocket;
  readonly codec: FrameCodec;
  readonly time: Time;
  /** How long opening the socket may take. */
  readonly openTimeoutMs: number;
  readonly events: ConnectionEvents;
}

const goneAway = 1006;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A character takes three bytes at most: only what may be too large is measured. */
function isLarger(frame: Frame, bytesMax: number): boolean {
  if (typeof frame !== 'string') return frame.byteLength > bytesMax;
  return frame.length * 3 > bytesMax && new TextEncoder().encode(frame).byteLength > bytesMax;
}

/** One WebSocket with JSON-RPC correlation and a watch for silence; knows nothing of sessions or retries. */
export class Connection {
  readonly #codec: FrameCodec;
  readonly #time: Time;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket | undefined;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #lastId = 0;
  #frameBytesMax = Infinity;
  #closed = false;
  #heardAtMs: number;
  #cancelTimer: Cancel;

  constructor({ url, openSocket, codec, time, openTimeoutMs, events }: ConnectionOptions) {
    this.#codec = codec;
    this.#time = time;
    this.#events = events;
    this.#heardAtMs = time.monotonicMs();
    this.#cancelTimer = time.after(openTimeoutMs, () => this.drop('opening took too long'));
    try {
      this.#socket = openSocket(url, codec.subprotocol, {
        opened: () => {
          if (this.#closed) return;
          this.#cancelTimer();
          events.opened();
        },
        received: (frame) => this.#receive(frame),
        pinged: () => (this.#heardAtMs = time.monotonicMs()),
        closed: (code, reason) => this.#finish(code, reason),
      });
    } catch (error) {
      // An address that is none, possibly one that a server gave; events never come before the constructor ends.
      time.soon(() => this.#finish(goneAway, `${url}: ${reasonOf(error)}`));
    }
  }

  /** Requests without an outcome. */
  get underWay(): number {
    return this.#waiting.size;
  }

  /** From now on. The other side closes the connection, with all that is under way, at a frame above its limit. */
  limitFrames(bytesMax: number): void {
    this.#frameBytesMax = bytesMax;
  }

  /**
   * Sends one call; `settle` is called with its outcome unless the connection closes first. One that is too large is
   * refused here, at once.
   */
  request(method: string, params: object, settle: (outcome: Outcome) => void): void {
    if (this.#closed) return;
    const id = ++this.#lastId;
    const frame = this.#codec.encode({ jsonrpc: '2.0', id, method, params });
    if (isLarger(frame, this.#frameBytesMax)) {
      const why = `${method} does not fit a frame of ${this.#frameBytesMax} bytes`;
      settle({ kind: 'error', error: new CallError('too_large', why, false) });
      return;
    }
    this.#waiting.set(id, settle);
    this.#socket?.send(frame);
  }

  /**
   * From now on: after `quietMs` without any sign of life makes `probe`, and after as long again drops the
   * connection. A socket whose other end is gone without a word looks open for many minutes otherwise.
   */
  watch(quietMs: number, probe: () => void): void {
    this.#cancelTimer();
    const look = (probed: boolean): void => {
      const quietForMs = this.#time.monotonicMs() - this.#heardAtMs;
      if (quietForMs < quietMs) {
        this.#cancelTimer = this.#time.after(quietMs - quietForMs, () => look(false));
      } else if (probed) {
        this.drop('silent for too long');
      } else {
        probe();
        this.#cancelTimer = this.#time.after(quietMs, () => look(true));
      }
    };
    look(false);
  }

  /** Closes politely; `closed` comes at once, whatever the other side does. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#socket?.close(1000, reason);
    this.#finish(1000, reason);
  }

  /** Lets go at once: nothing of what is on its way is heard any more. */
  drop(reason: string): void {
    if (this.#closed) return;
    this.#socket?.drop();
    this.#finish(goneAway, reason);
  }

  #finish(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    this.#waiting.clear();
    this.#events.closed(code, reason);
  }

  #receive(frame: string | Uint8Array): void {
    if (this.#closed) return;
    this.#heardAtMs = this.#time.monotonicMs();
    let value: unknown;
    try {
      value = this.#codec.decode(frame);
    } catch (error) {
      this.drop(`unreadable frame: ${reasonOf(error)}`);
      return;
    }
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) this.#dispatch(item);
  }

  #dispatch(item: unknown): void {
    if (!isRecord(item) || this.#closed) return;
    if (typeof item['method'] === 'string') {
      this.#events.pushed(item['method'], item['params']);
      return;
    }
    const id = item['id'];
    if (typeof id !== 'number') {
      // An error with id null: the server could not read what was sent; no call can be told.
      this.drop('the server refused a frame');
      return;
    }
    const settle = this.#waiting.get(id);
    if (settle === undefined) return;
    this.#waiting.delete(id);
    settle(
      'error' in item
        ? { kind: 'error', error: callErrorOf(item['error']) }
        : { kind: 'result', result: item['result'] },
    );
  }
}
