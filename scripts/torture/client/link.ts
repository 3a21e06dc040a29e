import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Actor } from '../history.ts';
import type { CallLog } from './call-log.ts';
import type { Line } from './line.ts';
import type { CallShapes, Change, Method, Note, Outcome } from './protocol-shapes.ts';
import { type Answer, type Encoding, WireSocket } from './wire-socket.ts';

export interface LinkOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly encoding: Encoding;
  /** WebSocket addresses of the nodes. */
  readonly urls: readonly string[];
  readonly log: CallLog;
  readonly random: SeededRandom;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Gives each connection of an episode its number. */
  readonly nextConnection: () => number;
  readonly onChange: (change: Change) => void;
}

type State =
  | { readonly kind: 'away'; readonly sinceMs: number }
  | { readonly kind: 'open'; readonly wire: WireSocket; readonly actor: Actor }
  | { readonly kind: 'ended' };

/** The server gives up after 10 s; an answer that takes longer is lost to us. */
const callTimeoutMs = 12_000;
const reconnectMsMin = 50;
const reconnectMsMax = 1_500;

/** One socket of a device that comes back for as long as it is told to, from where it was. Records all it sees. */
export class Link implements Line {
  readonly #options: LinkOptions;
  #state: State;
  /** The last cursor that this socket was given. */
  #cursor: string | undefined;
  #nextUrl: string | undefined;
  #running: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#state = { kind: 'away', sinceMs: options.now() };
  }

  get awaySinceMs(): number {
    return this.#state.kind === 'away' ? this.#state.sinceMs : Infinity;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  start(): void {
    this.#state = { kind: 'away', sinceMs: this.#options.now() };
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    const before = this.#state;
    this.#state = { kind: 'ended' };
    if (before.kind === 'open') before.wire.close();
    this.#wake?.();
    await this.#running;
  }

  drop(isPolite: boolean): void {
    if (this.#state.kind !== 'open') return;
    if (isPolite) this.#state.wire.close();
    else this.#state.wire.terminate();
  }

  call<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> | undefined {
    if (this.#state.kind !== 'open') return undefined;
    return this.#callOn(this.#state.wire, this.#state.actor, method, params);
  }

  #callOn<M extends Method>(
    wire: WireSocket,
    actor: Actor,
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> {
    const { log } = this.#options;
    const record = log.begin(actor, method, params);
    return new Promise((resolve) => {
      let isOver = false;
      const timer = setTimeout(() => {
        over(undefined);
        wire.terminate(); // Whoever is silent for so long is given up.
      }, callTimeoutMs);
      const over = (answer: Answer | undefined): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        if (answer !== undefined) log.answered(record, answer);
        resolve(record.outcome);
      };
      wire.request(method, params, over);
    });
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    let failures = 0;
    while (this.#isWanted()) {
      const hasServed = await this.#live();
      failures = hasServed ? 0 : failures + 1;
      if (!this.#isWanted()) return;
      const pauseMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** failures) * (0.5 + random.next());
      await Promise.race([
        sleep(pauseMs),
        new Promise((resolve) => {
          this.#wake = () => resolve(undefined);
        }),
      ]);
    }
  }

  #isWanted(): boolean {
    return this.#state.kind !== 'ended';
  }

  /** One connection from beginning to end. @returns whether a session was opened on it */
  async #live(): Promise<boolean> {
    const { urls, random, encoding, userId, deviceId, token, nextConnection, log } = this.#options;
    const url = this.#nextUrl ?? random.pick(urls);
    this.#nextUrl = undefined;
    const actor = { userId, deviceId, connection: nextConnection() };
    const closed = Promise.withResolvers<undefined>();
    const early: Change[] = [];
    let isCounting = false;
    const wire = await WireSocket.connect(url, encoding, {
      notified: (method, params) => {
        if (method === 'moved') this.#nextUrl = String(params['url']);
        else if (method !== 'change') log.noted(actor, { method, ...params } as unknown as Note);
        else if (isCounting) this.#heard(actor, params as unknown as Change);
        else early.push(params as unknown as Change);
      },
      closed: () => closed.resolve(undefined),
    });
    if (wire === undefined || !this.#isWanted()) {
      wire?.terminate();
      return false;
    }
    const since = this.#cursor;
    const outcome = await this.#callOn(wire, actor, 'session.open', {
      ...{ token, deviceId },
      ...(since !== undefined && { since }),
    });
    if (outcome.kind !== 'ok' || !this.#isWanted()) {
      if (outcome.kind === 'error' && outcome.error === 'moved') this.#nextUrl = outcome.url;
      wire.terminate();
      // Who has left meanwhile has a session all the same, and is told nothing on it.
      log.closed(actor);
      return outcome.kind === 'error' && outcome.error === 'moved';
    }
    this.#cursor = outcome.result.cursor;
    this.#state = { kind: 'open', wire, actor };
    isCounting = true;
    for (const change of early) this.#heard(actor, change);
    await closed.promise;
    log.closed(actor);
    if (this.#isWanted()) this.#state = { kind: 'away', sinceMs: this.#options.now() };
    return true;
  }

  #heard(actor: Actor, change: Change): void {
    const { log, onChange } = this.#options;
    log.pushed(actor, change);
    this.#cursor = change.cursor;
    onChange(change);
  }
}
