import { closeCodes } from '../protocol/close-code.ts';
import type { Change } from '../protocol/message.ts';
import type { SendMessageResult } from '../protocol/calls.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import { CallError } from './call-error.ts';
import type { CallMap, CallName, OutgoingMessage, Session } from './call-map.ts';
import { CallQueue } from './call-queue.ts';
import { defaultLimits } from './client-limits.ts';
import type { ClientLimits } from './client-limits.ts';
import { clientTime } from './client-time.ts';
import { comesBackAfter } from './close-code.ts';
import { Connection } from './connection.ts';
import type { Outcome } from './connection.ts';
import { jsonCodec } from './frame-codec.ts';
import type { FrameCodec } from './frame-codec.ts';
import { ServerClock } from './server-clock.ts';
import { SessionMove } from './session-move.ts';
import type { OpenSocket } from './socket.ts';

/** Where the client stands. `stopped` is final: the server said not to come back, or it gave up. */
export type ClientState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open'; readonly session: Session }
  | { readonly kind: 'waiting'; readonly retryInMs: number; readonly reason: string }
  | { readonly kind: 'stopped'; readonly error: CallError };

/** What the client reports. Called synchronously; must not throw. */
export interface ClientEvents {
  /** A change of the mailbox, in cursor order, each once. */
  changed?(change: Change): void;
  /** The cursor was too old or unknown: what one keeps must be read anew. The feed goes on from the head. */
  reset?(): void;
  stateChanged?(state: ClientState): void;
  /** A call was refused for now, or not answered in time, and will be made again. */
  retrying?(method: string, params: object, error: CallError): void;
  /** Any other push, such as `typing`. */
  pushed?(method: string, params: unknown): void;
}

export interface ClientOptions {
  /** WebSocket addresses of nodes, tried in turn. */
  readonly urls: readonly [string, ...string[]];
  readonly token: string;
  readonly deviceId: string;
  readonly openSocket: OpenSocket;
  readonly events?: ClientEvents;
  /** Changes after this cursor come as pushes; without it, those after opening. */
  readonly since?: string;
  readonly codec?: FrameCodec;
  readonly time?: Time;
  readonly random?: () => number;
  readonly limits?: Partial<ClientLimits>;
}

/** Silence this many heartbeats long makes the client ask whether anybody is there. */
const quietHeartbeats = 2;

/** A session that lasted so long has cleared the count of failures. */
const stableSessionMs = 1_000;

type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly connection: Connection; readonly cancelTimer: () => void }
  | {
      readonly kind: 'open';
      readonly connection: Connection;
      readonly session: Session;
      readonly sinceMs: number;
    }
  | {
      readonly kind: 'waiting';
      readonly cancelTimer: Cancel;
      readonly retryInMs: number;
      readonly reason: string;
    }
  | { readonly kind: 'stopped'; readonly error: CallError };

/**
 * A device's session that heals: it reconnects with back-off, resumes its change feed from the last cursor,
 * and makes every unanswered call again with the same parameters (so with the same messageId) until it is
 * answered, refused for good, or past its deadline.
 */
export class MailringClient {
  /** For messageIds, and whatever else the server compares with its own clock. */
  readonly serverClock: ServerClock;
  readonly #options: ClientOptions;
  readonly #limits: ClientLimits;
  readonly #events: ClientEvents;
  readonly #codec: FrameCodec;
  readonly #time: Time;
  readonly #random: () => number;
  readonly #calls: CallQueue;
  #phase: Phase = { kind: 'idle' };
  #cursor: string | undefined;
  #url: string;
  #failures = 0;
  #movedHops = 0;
  #offlineSinceMs = 0;
  #move: SessionMove | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#events = options.events ?? {};
    this.#codec = options.codec ?? jsonCodec;
    this.#time = options.time ?? clientTime;
    this.serverClock = new ServerClock(this.#time);
    this.#random = options.random ?? Math.random;
    this.#cursor = options.since;
    this.#url = options.urls[0];
    this.#calls = new CallQueue({
      time: this.#time,
      backoff: { baseMs: 200, maxMs: 5_000 },
      random: this.#random,
      pendingMax: this.#limits.pendingCallsMax,
      attemptTimeoutMs: this.#limits.attemptTimeoutMs,
      onRetry: (method, params, error) => this.#events.retrying?.(method, params, error),
    });
  }

  get state(): ClientState {
    const phase = this.#phase;
    switch (phase.kind) {
      case 'connecting':
        return { kind: 'connecting' };
      case 'open':
        return { kind: 'open', session: phase.session };
      case 'waiting':
        return { kind: 'waiting', retryInMs: phase.retryInMs, reason: phase.reason };
      case 'idle':
      case 'stopped':
        return phase;
    }
  }

  /** The position after the last change that was reported, or of the head at the first opening. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Calls that wait for an answer. */
  get pendingCalls(): number {
    return this.#calls.size;
  }

  /** Starts connecting; does nothing where that has been done. */
  open(): void {
    if (this.#phase.kind !== 'idle') return;
    this.#offlineSinceMs = this.#time.monotonicMs();
    this.#connect();
  }

  /** Ends the session and every waiting call (`closed`). `open` starts anew, from the same cursor. */
  close(): void {
    if (this.#phase.kind === 'stopped' || this.#phase.kind === 'idle') return;
    this.#leavePhase('closed by the client');
    this.#calls.failAll(new CallError('closed', 'the client was closed', true));
    this.#enter({ kind: 'idle' });
  }

  /** Tries again now instead of after the wait, as when the network is back or a window is looked at again. */
  hurry(): void {
    if (this.#phase.kind !== 'waiting') return;
    this.#phase.cancelTimer();
    this.#connect();
  }

  /** Tears the socket down without a word, as a lost network does, and comes back. */
  breakConnection(): void {
    if (this.#phase.kind === 'open' || this.#phase.kind === 'connecting') {
      this.#failures = 0; // Nobody's fault: no longer and longer waits.
      this.#phase.connection.drop('broken on purpose');
    }
  }

  /** Sends a message until it is acknowledged. Rejects with CallError. */
  sendMessage(message: OutgoingMessage, timeoutMs = this.#limits.sendTimeoutMs): Promise<SendMessageResult> {
    return this.call('sendMessage', message, timeoutMs);
  }

  /** Makes a call; before a session is open it waits for one. Rejects with CallError. */
  call<Name extends CallName>(
    name: Name,
    params: CallMap[Name]['params'],
    timeoutMs = this.#limits.callTimeoutMs,
  ): Promise<CallMap[Name]['result']> {
    if (this.#phase.kind === 'stopped') return Promise.reject(this.#phase.error);
    // The server's answers are taken at their word: the protocol is the contract of both.
    return this.#calls.call(name, params, timeoutMs) as Promise<CallMap[Name]['result']>;
  }

  #connect(): void {
    const connection = this.#connectionTo(this.#url, () => this.#openSession(connection));
    this.#enter({ kind: 'connecting', connection, cancelTimer: () => undefined });
  }

  #connectionTo(url: string, opened: () => void): Connection {
    const connection: Connection = new Connection({
      ...{ url, openSocket: this.#options.openSocket, codec: this.#codec, time: this.#time },
      openTimeoutMs: this.#limits.openTimeoutMs,
      events: {
        opened,
        pushed: (method, params) => this.#receivePush(method, params),
        closed: (code, reason) => this.#lost(connection, code, reason),
      },
    });
    return connection;
  }

  #openSession(connection: Connection): void {
    const { token, deviceId } = this.#options;
    const since = this.#cursor;
    const cancelTimer = this.#time.after(this.#limits.openTimeoutMs, () =>
      connection.drop('session.open was not answered'),
    );
    this.#phase = { kind: 'connecting', connection, cancelTimer };
    const params = since === undefined ? { token, deviceId } : { token, deviceId, since };
    connection.request('session.open', params, (outcome) => {
      cancelTimer();
      this.#sessionAnswered(connection, outcome);
    });
  }

  #sessionAnswered(connection: Connection, outcome: Outcome): void {
    if (outcome.kind === 'error') {
      this.#sessionRefused(outcome.error);
      return;
    }
    const session = outcome.result as Session;
    this.serverClock.heard(session.serverTime);
    this.#movedHops = 0;
    const mustReset = session.reset === true;
    if (this.#cursor === undefined || mustReset) this.#cursor = session.cursor;
    connection.limitFrames(session.limits.frameBytesMax);
    connection.watch(session.heartbeatMs * quietHeartbeats, () => this.#probe(connection));
    this.#enter({ kind: 'open', connection, session, sinceMs: this.#time.monotonicMs() });
    if (mustReset) this.#events.reset?.();
    this.#calls.attach(connection);
  }

  /** Any answer will do: it proves that somebody is there. */
  #probe(connection: Connection): void {
    connection.request('getChanges', { limit: 1 }, () => undefined);
  }

  #sessionRefused(error: CallError): void {
    this.#leavePhase(error.message);
    const { url, retryAfterMs } = error.details;
    if (error.kind === 'moved' && url !== undefined && this.#movedHops < this.#limits.movedHopsMax) {
      this.#movedHops++;
      this.#url = url;
      this.#connect();
    } else if (error.retryable) {
      this.#retry(error.message, retryAfterMs);
    } else {
      this.#stop(error);
    }
  }

  #lost(connection: Connection, code: number, reason: string): void {
    const phase = this.#phase;
    // The new owner can't be reached: this session goes on until its node ends it.
    if (this.#move?.next === connection) return this.#dropMove();
    if ((phase.kind !== 'open' && phase.kind !== 'connecting') || phase.connection !== connection) return;
    if (phase.kind === 'open') this.#sessionEnded(phase.sinceMs);
    else phase.cancelTimer();
    this.#calls.detach();
    if (!comesBackAfter(code)) {
      this.#dropMove();
      const why = `closed by the server with ${code} ${reason}`.trimEnd();
      return this.#stop(new CallError('closed', why, false));
    }
    const move = this.#move;
    if (move === undefined) return this.#retry(`${code} ${reason}`.trimEnd());
    // The server gave each client its own time to arrive at the new owner; leave the spread as it is.
    move.release();
    this.#move = undefined;
    this.#url = move.url;
    if (move.next !== undefined) {
      this.#enter({ kind: 'connecting', connection: move.next, cancelTimer: () => undefined });
      if (move.isOpen) this.#openSession(move.next);
    } else if (code === closeCodes.moved) this.#waitThenConnect(move.restMs, 'moved');
    else this.#connect();
  }

  #sessionEnded(sinceMs: number): void {
    this.#offlineSinceMs = this.#time.monotonicMs();
    // A session that was cut off at once counts as a failure, else client and server would spin.
    if (this.#offlineSinceMs - sinceMs >= stableSessionMs) this.#failures = 0;
  }

  /** @param toldMs when the server wants this client back: it spreads them by itself */
  #retry(reason: string, toldMs?: number): void {
    const attempt = this.#failures++;
    const offlineMs = this.#time.monotonicMs() - this.#offlineSinceMs;
    if (offlineMs > this.#limits.giveUpAfterMs) {
      this.#stop(
        new CallError('closed', `no session for ${Math.round(offlineMs / 1000)} s: ${reason}`, false),
      );
      return;
    }
    const { urls } = this.#options;
    this.#movedHops = 0;
    // The node that served last is tried once more; after that the others have their turn.
    if (attempt > 0) this.#url = urls[attempt % urls.length] ?? urls[0];
    const { reconnectFirstMs: baseMs, reconnectMaxMs: maxMs } = this.#limits;
    // Somebody else may well be there: only when all have failed the wait becomes longer.
    const rounds = toldMs === undefined ? Math.floor(attempt / urls.length) : 0;
    const waitMs = backoffDelayMs({ baseMs, maxMs }, rounds, this.#random);
    const spreadToldMs = (toldMs ?? 0) * (1 + this.#random() / 4);
    this.#waitThenConnect(Math.max(spreadToldMs, waitMs), reason);
  }

  #waitThenConnect(retryInMs: number, reason: string): void {
    const cancelTimer = this.#time.after(retryInMs, () => this.#connect());
    this.#enter({ kind: 'waiting', cancelTimer, retryInMs, reason });
  }

  #stop(error: CallError): void {
    this.#enter({ kind: 'stopped', error });
    this.#calls.failAll(error);
  }

  /** Lets go of what the present phase holds, without the reactions to a lost connection. */
  #leavePhase(reason: string): void {
    const phase = this.#phase;
    this.#phase = { kind: 'idle' };
    this.#dropMove();
    this.#calls.detach();
    if (phase.kind === 'connecting' || phase.kind === 'waiting') phase.cancelTimer();
    if (phase.kind === 'connecting' || phase.kind === 'open') phase.connection.close(reason);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#events.stateChanged?.(this.state);
  }

  #receivePush(method: string, params: unknown): void {
    if (method === 'change') {
      const change = params as Change;
      this.#cursor = change.cursor;
      this.#events.changed?.(change);
    } else if (method === 'moved') {
      this.#prepareMove(params as { url: string; afterMs: number });
    } else {
      this.#events.pushed?.(method, params);
    }
  }

  /** Goes to the new owner after `afterMs`, or when the old one closes the socket. */
  #prepareMove({ url, afterMs }: { url: string; afterMs: number }): void {
    if (this.#phase.kind !== 'open') return;
    this.#dropMove();
    const connect = this.#connectionTo.bind(this);
    const arrived = this.#arrived.bind(this);
    this.#move = new SessionMove({ url, afterMs, time: this.#time, connect, arrived });
  }

  #arrived(): void {
    const phase = this.#phase;
    if (phase.kind === 'connecting') this.#openSession(phase.connection);
    if (phase.kind !== 'open') return;
    this.#calls.detach();
    this.#move?.leave(phase.connection);
  }

  #dropMove(): void {
    const move = this.#move;
    this.#move = undefined;
    move?.end();
    // On its way already: whatever was held back for the new owner goes on here.
    if (move?.isOpen === true && this.#phase.kind === 'open') this.#calls.attach(this.#phase.connection);
  }
}
