import { isChangeAt, readLoadMessage, replyIdAt } from './frame-scan.ts';
import type { LoadMessage } from './frame-scan.ts';
import type { LoadTally } from './load-tally.ts';
import type { Workload } from './workload.ts';
import { openLoadSession } from './load-session.ts';
import type { LoadAccount } from './load-account.ts';
import type { RawSocket } from './raw-socket.ts';

export interface LoadUserOptions {
  readonly account: LoadAccount;
  readonly tally: LoadTally;
  readonly inflight: number;
  /** All users of the run by index, to find when a message was sent that arrives here. */
  readonly users: readonly LoadUser[];
}

const replyTimeoutMs = 10_000;
const errorPauseMs = 50;
const reconnectPauseMs = 300;
const reconnectsMax = 50;
const backlogMax = 100_000;

const found: LoadMessage = { sender: 0, number: 0 };

/** One user with one connection that keeps up to `inflight` requests under way. */
export class LoadUser {
  readonly account: LoadAccount;
  readonly #options: LoadUserOptions;
  /** When request number n was made (or should have been), at n modulo the length; 0 once it is answered. */
  readonly #startedAtMs: Float64Array;
  readonly #waiting: Uint8Array;
  readonly #mask: number;
  /** Due times of requests that found all slots taken (only at a fixed rate). */
  readonly #backlog: number[] = [];
  #socket: RawSocket | undefined;
  #lastId = 0;
  #inflight = 0;
  #isRunning = false;
  #reconnects = 0;
  #workload: Workload | undefined;
  #requestsLeft = 0;

  constructor(options: LoadUserOptions) {
    this.account = options.account;
    this.#options = options;
    // A delivery may come well after the acknowledgement: keep the times of some requests more than are under way.
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1024, options.inflight * 16)));
    this.#startedAtMs = new Float64Array(slots);
    this.#waiting = new Uint8Array(slots);
    this.#mask = slots - 1;
  }

  /** True when it has nothing under way and nothing left to ask. */
  get isIdle(): boolean {
    return (
      this.#inflight === 0 && (!this.#isRunning || this.#requestsLeft === 0) && this.#backlog.length === 0
    );
  }

  /** When the message with this number left (or should have left), performance clock. */
  startedAtMs(id: number): number {
    return this.#startedAtMs[id & this.#mask] ?? 0;
  }

  /** Opens the connection and session. Rejects with Error. */
  async connect(): Promise<void> {
    this.#socket = await openLoadSession(this.account, {
      received: (bytes, start, end) => this.#receive(bytes, start, end),
      closed: (code) => this.#disconnected(code),
    });
  }

  /** Begins to keep all slots busy, until `requestsMax` requests were made. */
  run(workload: Workload, requestsMax = Infinity): void {
    this.#workload = workload;
    this.#isRunning = true;
    this.#requestsLeft = requestsMax;
    this.#fill();
  }

  /** Makes no request but those that are offered. */
  runPaced(workload: Workload): void {
    this.run(workload, 0);
  }

  /** Takes one request that is due at `dueMs`, and makes it now or when a slot is free. */
  offer(dueMs: number): void {
    if (this.#inflight < this.#options.inflight && this.#socket !== undefined) this.#make(dueMs);
    else if (this.#backlog.length < backlogMax) this.#backlog.push(dueMs);
    else this.#options.tally.failed('backlog_full');
  }

  /** Makes no further request. */
  stop(): void {
    this.#isRunning = false;
    this.#backlog.length = 0;
  }

  close(): void {
    this.stop();
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Gives up requests that have waited for too long, so that their slots do not stand idle for ever. */
  expire(nowMs: number): void {
    if (this.#inflight === 0) return;
    for (let slot = 0; slot < this.#waiting.length; slot++) {
      if (this.#waiting[slot] !== 1 || nowMs - (this.#startedAtMs[slot] ?? nowMs) < replyTimeoutMs) continue;
      this.#waiting[slot] = 0;
      this.#inflight--;
      this.#options.tally.failed('timeout');
    }
    this.#fill();
  }

  #fill(): void {
    if (this.#socket === undefined || !this.#isRunning) return;
    while (this.#inflight < this.#options.inflight) {
      const dueMs = this.#backlog.shift();
      if (dueMs !== undefined) {
        this.#make(dueMs);
      } else if (this.#requestsLeft > 0) {
        this.#requestsLeft--;
        this.#make(performance.now());
      } else {
        return;
      }
    }
  }

  #make(dueMs: number): void {
    if (this.#workload === undefined) return;
    const id = ++this.#lastId;
    this.#startedAtMs[id & this.#mask] = dueMs;
    this.#waiting[id & this.#mask] = 1;
    this.#inflight++;
    this.#socket?.send(this.#workload.request(this.account, id));
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    const id = replyIdAt(bytes, start, end);
    if (id > 0) {
      if (!this.#release(id)) return;
      this.#options.tally.acked(performance.now() - this.startedAtMs(id));
      this.#workload?.answered?.(this.account, bytes, start, end);
      this.#fill();
    } else if (isChangeAt(bytes, start, end)) {
      this.#pushed(bytes, start, end);
    } else {
      this.#receiveParsed(bytes.toString('utf8', start, end), bytes, start, end);
    }
  }

  #pushed(bytes: Buffer, start: number, end: number): void {
    if (!readLoadMessage(bytes, start, end, found) || found.sender === this.account.index) return;
    const sender = this.#options.users[found.sender];
    if (sender === undefined) return;
    const latencyMs = performance.now() - sender.startedAtMs(found.number);
    this.#options.tally.delivered(latencyMs, found.sender, found.number);
  }

  /** Any other shape: errors, other orders of keys, other pushes. */
  #receiveParsed(text: string, bytes: Buffer, start: number, end: number): void {
    const frame = JSON.parse(text) as {
      id?: number | null;
      method?: string;
      error?: { data?: { kind?: string; retryAfterMs?: number } };
    };
    if (frame.method !== undefined) {
      if (frame.method === 'change') this.#pushed(bytes, start, end);
      return;
    }
    if (typeof frame.id !== 'number' || !this.#release(frame.id)) return;
    if (frame.error === undefined) {
      this.#options.tally.acked(performance.now() - this.startedAtMs(frame.id));
      this.#workload?.answered?.(this.account, bytes, start, end);
      this.#fill();
      return;
    }
    this.#options.tally.failed(frame.error.data?.kind ?? 'unknown');
    // The slot stays out of use for a moment: hammering on a server that says no measures nothing.
    this.#inflight++;
    const pauseMs = frame.error.data?.retryAfterMs ?? errorPauseMs * (0.5 + Math.random());
    setTimeout(() => {
      this.#inflight--;
      this.#fill();
    }, pauseMs);
  }

  /** Frees the slot of a request; false where it was given up before. */
  #release(id: number): boolean {
    if (this.#waiting[id & this.#mask] !== 1) return false;
    this.#waiting[id & this.#mask] = 0;
    this.#inflight--;
    return true;
  }

  #disconnected(code: number): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#options.tally.failed(`closed_${code}`);
    this.#waiting.forEach((isWaiting, slot) => {
      if (isWaiting === 0) return;
      this.#waiting[slot] = 0;
      this.#inflight--;
      this.#options.tally.failed('disconnected');
    });
    this.#reconnect();
  }

  #reconnect(): void {
    if (!this.#isRunning || ++this.#reconnects > reconnectsMax) return;
    setTimeout(
      () => {
        this.connect().then(
          () => this.#fill(),
          () => {
            this.#options.tally.failed('reconnect_failed');
            this.#reconnect();
          },
        );
      },
      reconnectPauseMs * (0.5 + Math.random()),
    );
  }
}
