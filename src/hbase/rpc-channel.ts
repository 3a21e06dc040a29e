import type { Cancel, Time } from '../std/time.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import { CellBlock } from './cell.ts';
import type { HBaseLimits } from './hbase-options.ts';
import { PendingCall } from './pending-call.ts';
import type { AnyPendingCall } from './pending-call.ts';
import { ProtoError, ProtoReader } from './proto-reader.ts';
import type { RemoteException } from './remote-exception.ts';
import { isOverload } from './retry-verdict.ts';
import { CallError } from './rpc-call.ts';
import type { RpcRequest, ServiceName } from './rpc-call.ts';
import { RpcLink } from './rpc-link.ts';
import { readResponseHeader, writeRequestHeader } from './rpc-header.ts';
import type { ServerName } from './server-name.ts';
import type { Dial } from './wire.ts';

export interface RpcChannelOptions {
  readonly server: ServerName;
  readonly service: ServiceName;
  readonly user: string;
  readonly limits: HBaseLimits;
  readonly dial: Dial;
  readonly time: Time;
  readonly random: () => number;
}

type ChannelState =
  | { readonly kind: 'idle' }
  /** Until `untilMs` the connection has to be open and, where `proof` is asked for, a byte has to come back. */
  | { readonly kind: 'opening'; readonly link: RpcLink; readonly untilMs: number }
  | { readonly kind: 'ready'; readonly link: RpcLink }
  | { readonly kind: 'backingOff'; readonly untilMs: number; readonly cause: Error }
  | { readonly kind: 'closed' };

/** A call that any server answers at once, to learn whether it is alive. */
const probes: Readonly<Record<ServiceName, string>> = {
  ClientService: 'Multi',
  ClientMetaService: 'GetClusterId',
  MasterService: 'IsMasterRunning',
};
const callIdMax = 0x7fffffff;
/** The id of answers that concern the connection as a whole: -1. */
const connectionCallId = 0xffffffff;
const sweepMinMs = 5;
const noCells = Buffer.alloc(0);

/** All calls to one service of one server: queued, sent over one pipelined connection, answered in any order. */
export class RpcChannel {
  readonly #options: RpcChannelOptions;
  readonly #limits: HBaseLimits;
  readonly #time: Time;
  readonly #reader = new ProtoReader();
  readonly #inFlight = new Map<number, AnyPendingCall>();
  #queue: AnyPendingCall[] = [];
  #queueHead = 0;
  #state: ChannelState = { kind: 'idle' };
  #nextCallId = 1;
  /** Connections in a row that broke before they answered anything. */
  #failures = 0;
  /** Set after a silence: a connection alone proves nothing then, the kernel opens it for a stopped process too. */
  #proofNeeded = false;
  #answered = false;
  /** When the oldest call since the last byte was sent. */
  #awaitingSinceMs: number | undefined;
  #probedMs: number | undefined;
  #overloads = 0;
  #pausedUntilMs = 0;
  #wakeMs = Infinity;
  #cancelWake: Cancel | undefined;

  constructor(options: RpcChannelOptions) {
    this.#options = options;
    this.#limits = options.limits;
    this.#time = options.time;
  }

  get status(): { readonly state: ChannelState['kind']; readonly inFlight: number; readonly queued: number } {
    return { state: this.#state.kind, inFlight: this.#inFlight.size, queued: this.#queued };
  }

  /**
   * @param deadline absolute, of the monotonic clock; it also travels to the server
   * @throws CallError always with what is known about the effect
   */
  call<T>(request: RpcRequest<T>, deadline: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#admit(new PendingCall(request, deadline, resolve, reject));
    });
  }

  /** Fails all calls and stays closed. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if ('link' in state) state.link.close();
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#failInFlight(new Error('the client was closed'));
    this.#failQueue('closed', new Error('the client was closed'));
  }

  #admit(call: AnyPendingCall): void {
    const now = this.#time.monotonicMs();
    const state = this.#state;
    if (state.kind === 'closed') {
      call.failUnsent('closed', 'the client is closed');
    } else if (state.kind === 'backingOff' && now < state.untilMs) {
      call.failUnsent('connect', `no connection to ${this.#name}: ${state.cause.message}`, state.cause);
    } else if (state.kind === 'ready' && this.#queued === 0 && this.#hasRoom(now)) {
      this.#send(state.link, call, now);
    } else if (this.#queued >= this.#limits.queuedPerServerMax) {
      call.failUnsent('overloaded', `${this.#queued} calls already wait for ${this.#name}`);
    } else {
      this.#queue.push(call);
      this.#wakeAt(call.deadline);
      if (state.kind === 'ready') this.#pump(state.link);
      else if (state.kind !== 'opening') this.#connect(now);
    }
  }

  get #name(): string {
    return `${this.#options.service} at ${this.#options.server.address}`;
  }

  get #queued(): number {
    return this.#queue.length - this.#queueHead;
  }

  #hasRoom(now: number): boolean {
    return this.#inFlight.size < this.#limits.inFlightPerServerMax && now >= this.#pausedUntilMs;
  }

  #connect(now: number): void {
    const { server, service, user, dial, time } = this.#options;
    this.#answered = false;
    const untilMs = now + this.#limits.connectTimeoutMs;
    const link: RpcLink = new RpcLink(
      { server, service, user, dial, time, frameBytesMax: this.#limits.responseBytesMax },
      {
        opened: () => this.#opened(link),
        frame: (bytes, start, end, owned) => this.#frame(link, bytes, start, end, owned),
        drained: () => this.#drained(link),
        lost: (cause) => this.#break(link, cause),
      },
    );
    this.#state = { kind: 'opening', link, untilMs };
    this.#wakeAt(untilMs);
  }

  #opened(link: RpcLink): void {
    if (!this.#isCurrent(link)) return;
    if (this.#proofNeeded) {
      this.#probe(link, this.#time.monotonicMs());
      return;
    }
    this.#state = { kind: 'ready', link };
    this.#pump(link);
  }

  #isCurrent(link: RpcLink): boolean {
    return 'link' in this.#state && this.#state.link === link;
  }

  #pump(link: RpcLink): void {
    if (this.#queued === 0) return;
    const now = this.#time.monotonicMs();
    while (this.#queued > 0 && this.#hasRoom(now)) {
      const call = this.#queue[this.#queueHead++];
      if (call) this.#send(link, call, now);
    }
    if (this.#queueHead > 64 && this.#queueHead * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
    if (this.#queued > 0 && now < this.#pausedUntilMs) this.#wakeAt(this.#pausedUntilMs);
  }

  #send(link: RpcLink, call: AnyPendingCall, now: number): void {
    const remainingMs = call.deadline - now;
    if (remainingMs <= 0) {
      call.failUnsent('deadline', `the deadline passed before a call to ${this.#name} was sent`);
      return;
    }
    const id = this.#takeCallId();
    const { out } = link;
    const start = out.skipInt32();
    try {
      writeRequestHeader(out, id, call.method, remainingMs);
      const parameter = out.openDelimited();
      call.encode(out);
      out.close(parameter);
      const size = out.length - start - 4;
      if (size > this.#limits.requestBytesMax) {
        throw new RangeError(`request of ${size} bytes, at most ${this.#limits.requestBytesMax} are allowed`);
      }
      out.patchInt32(start, size);
    } catch (error) {
      out.truncate(start);
      call.failUnsent('invalid', error instanceof Error ? error.message : String(error), error);
      return;
    }
    this.#inFlight.set(id, call);
    link.flushSoon();
    if (this.#awaitingSinceMs === undefined) {
      this.#awaitingSinceMs = now;
      this.#wakeAt(now + this.#limits.silenceMs);
    }
    this.#wakeAt(call.deadline);
  }

  #takeCallId(): number {
    let id = this.#nextCallId;
    while (this.#inFlight.has(id)) id = id < callIdMax ? id + 1 : 1;
    this.#nextCallId = id < callIdMax ? id + 1 : 1;
    return id;
  }

  #frame(link: RpcLink, bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (!this.#isCurrent(link)) return;
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    const header = readResponseHeader(reader);
    const bodyEnd = end - header.cellBlockBytes;
    if (bodyEnd < reader.position) throw new ProtoError('a cell block is longer than its frame');
    if (header.exception !== undefined && header.callId === connectionCallId) {
      this.#refusedConnection(link, header.exception);
      return;
    }
    this.#answered = true;
    this.#failures = 0;
    const call = this.#inFlight.get(header.callId);
    if (call === undefined) return; // it timed out here before its answer came
    this.#inFlight.delete(header.callId);
    if (header.exception !== undefined) {
      if (isOverload(header.exception)) this.#pause();
      call.failRemote(header.exception);
      return;
    }
    this.#overloads = 0;
    const block = bytes.subarray(bodyEnd, end);
    call.complete(
      reader,
      bodyEnd,
      new CellBlock(block.length === 0 ? noCells : owned ? block : Buffer.from(block)),
    );
  }

  #drained(link: RpcLink): void {
    if (!this.#isCurrent(link)) return;
    this.#proofNeeded = false;
    this.#probedMs = undefined;
    this.#awaitingSinceMs = this.#inFlight.size > 0 ? this.#time.monotonicMs() : undefined;
    if (this.#awaitingSinceMs !== undefined) this.#wakeAt(this.#awaitingSinceMs + this.#limits.silenceMs);
    if (this.#state.kind === 'opening') this.#state = { kind: 'ready', link };
    this.#pump(link);
  }

  /** The server will not talk to us at all (it wants Kerberos, has no such service). No call of this link was run. */
  #refusedConnection(link: RpcLink, exception: RemoteException): void {
    const message = `${this.#name} refuses a connection with simple authentication (no other is spoken here): ${exception.message}`;
    const refusal = { ...exception, message };
    if (!this.#answered) {
      for (const call of this.#inFlight.values()) call.failRemote(refusal);
      this.#inFlight.clear();
    }
    this.#break(link, new CallError({ kind: 'remote', exception: refusal }, message));
  }

  #break(link: RpcLink, cause: Error): void {
    if (!this.#isCurrent(link)) return;
    link.close();
    this.#awaitingSinceMs = undefined;
    this.#probedMs = undefined;
    this.#failInFlight(cause);
    const now = this.#time.monotonicMs();
    if (this.#answered) {
      this.#state = { kind: 'idle' };
      if (this.#queued > 0) this.#connect(now);
      return;
    }
    const delayMs = backoffDelayMs(this.#limits.reconnect, this.#failures++, this.#options.random);
    this.#state = { kind: 'backingOff', untilMs: now + delayMs, cause };
    this.#failQueue('connect', cause);
  }

  #failInFlight(cause: Error): void {
    for (const call of this.#inFlight.values()) {
      call.failLost('connection', `the connection to ${this.#name} broke: ${cause.message}`, cause);
    }
    this.#inFlight.clear();
  }

  #failQueue(reason: 'connect' | 'closed', cause: Error): void {
    const waiting = this.#queue.slice(this.#queueHead);
    this.#queue = [];
    this.#queueHead = 0;
    for (const call of waiting)
      call.failUnsent(reason, `no connection to ${this.#name}: ${cause.message}`, cause);
  }

  #pause(): void {
    const now = this.#time.monotonicMs();
    if (now < this.#pausedUntilMs) return; // one pause for all that were refused together
    this.#pausedUntilMs = now + backoffDelayMs(this.#limits.retry, this.#overloads++, this.#options.random);
  }

  #probe(link: RpcLink, now: number): void {
    this.#probedMs = now;
    const probe = new PendingCall(
      { method: probes[this.#options.service], encode: () => undefined, decode: () => undefined },
      now + this.#limits.probeTimeoutMs * 2, // outlives the verdict, so that it cannot be taken for a late call
      () => undefined,
      () => undefined,
    );
    this.#send(link, probe, now);
    this.#wakeAt(now + this.#limits.probeTimeoutMs);
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#cancelWake?.();
    this.#wakeMs = atMs;
    const delayMs = Math.max(sweepMinMs, atMs - this.#time.monotonicMs());
    this.#cancelWake = this.#time.after(delayMs, () => {
      this.#wakeMs = Infinity;
      this.#cancelWake = undefined;
      this.#sweep(this.#time.monotonicMs());
    });
  }

  /** Deadlines, silence and the end of pauses: all that only time brings. */
  #sweep(now: number): void {
    for (const [id, call] of this.#inFlight) {
      if (call.deadline <= now) {
        this.#inFlight.delete(id);
        call.failLost('deadline', `${this.#name} did not answer ${call.method} in time`);
      } else {
        this.#wakeAt(call.deadline);
      }
    }
    if (this.#queued > 0) this.#sweepQueue(now);
    const state = this.#state;
    if (state.kind === 'opening') {
      if (now >= state.untilMs) this.#silent(state.link, `${this.#name} did not take the connection in time`);
      else this.#wakeAt(state.untilMs);
    } else if (state.kind === 'ready') {
      this.#listen(state.link, now);
      this.#pump(state.link);
    }
  }

  #sweepQueue(now: number): void {
    const waiting = this.#queue.slice(this.#queueHead);
    this.#queue = waiting.filter((call) => call.deadline > now);
    this.#queueHead = 0;
    for (const call of waiting) {
      if (call.deadline <= now)
        call.failUnsent('deadline', `the deadline passed in the queue for ${this.#name}`);
      else this.#wakeAt(call.deadline);
    }
  }

  #listen(link: RpcLink, now: number): void {
    if (this.#awaitingSinceMs === undefined) return;
    const suspectMs = this.#awaitingSinceMs + this.#limits.silenceMs;
    if (now < suspectMs) {
      this.#wakeAt(suspectMs);
    } else if (this.#probedMs === undefined) {
      this.#probe(link, now);
    } else if (now >= this.#probedMs + this.#limits.probeTimeoutMs) {
      this.#silent(link, `${this.#name} is silent`);
    } else {
      this.#wakeAt(this.#probedMs + this.#limits.probeTimeoutMs);
    }
  }

  #silent(link: RpcLink, message: string): void {
    this.#proofNeeded = true;
    this.#answered = false;
    this.#break(link, new Error(message));
  }
}
