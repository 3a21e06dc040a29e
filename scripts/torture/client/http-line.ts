import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Actor } from '../history.ts';
import type { CallLog } from './call-log.ts';
import { readEvents } from './event-reader.ts';
import type { Line } from './line.ts';
import type { CallShapes, Change, Method, Outcome } from './protocol-shapes.ts';
import type { Answer } from './wire-socket.ts';

export interface HttpLineOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  /** How it listens: by an event stream, or by one poll after the other. */
  readonly listens: 'events' | 'polls';
  /** Base addresses of the nodes; any of them serves. */
  readonly urls: readonly string[];
  readonly log: CallLog;
  readonly random: SeededRandom;
  readonly nextConnection: () => number;
  readonly onChange: (change: Change) => void;
}

interface Page {
  readonly reset?: true;
  readonly changes?: readonly Change[];
  readonly cursor: string;
}

const callTimeoutMs = 12_000;
const pollWaitsMs = [1_000, 5_000, 20_000];
const pollLimit = 100;
/** More than two heartbeats: a stream that says nothing for so long is given up. */
const silenceMs = 75_000;
const pauseMs = 300;

/** A device without WebSocket: one request a call, to any node, and the feed over HTTP from where it was. */
export class HttpLine implements Line {
  readonly awaySinceMs = Infinity;
  readonly #options: HttpLineOptions;
  #cursor: string | undefined;
  #ending = new AbortController();
  /** Of the present stream or poll. */
  #dropping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: HttpLineOptions) {
    this.#options = options;
    this.#ending.abort();
  }

  get isOpen(): boolean {
    return !this.#ending.signal.aborted;
  }

  start(): void {
    this.#ending = new AbortController();
    this.#running = this.#listen(this.#ending.signal);
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  drop(): void {
    this.#dropping.abort();
  }

  /** Each on a connection of its own: nothing is promised about the order of two of them. */
  call<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> | undefined {
    return this.isOpen ? this.#call(method, params) : undefined;
  }

  async #call<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> {
    const { log } = this.#options;
    const actor = this.#newActor();
    const record = log.begin(actor, method, params);
    log.closed(actor);
    try {
      const response = await this.#request('/v1/rpc', callTimeoutMs, {
        method: 'POST',
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      });
      const body = (await response.json()) as Readonly<Record<string, unknown>>;
      log.answered(record, answerOf(body));
    } catch {
      // Never answered: the outcome stays unknown.
    }
    return record.outcome;
  }

  async #listen(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      this.#dropping = new AbortController();
      const over = AbortSignal.any([ending, this.#dropping.signal]);
      if (this.#cursor === undefined) await this.#begin();
      else await (this.#options.listens === 'events' ? this.#stream(over) : this.#poll(over));
      await sleep(pauseMs * (0.5 + this.#options.random.next()), undefined, { signal: ending }).catch(
        () => undefined,
      );
    }
  }

  /** Asks for the cursor of now. */
  async #begin(): Promise<void> {
    const outcome = await this.call('getChanges', { limit: 1 });
    if (outcome?.kind === 'ok') this.#cursor = outcome.result.cursor;
  }

  /** One event stream to its end. */
  async #stream(over: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const since = this.#cursor ?? '';
    const actor = this.#newActor();
    const record = log.begin(actor, 'GET /v1/events', { since });
    try {
      const path = `/v1/events?since=${encodeURIComponent(since)}`;
      const response = await this.#request(path, undefined, { signal: over });
      if (!response.ok || response.body === null) {
        log.answered(record, answerOf((await response.json()) as Readonly<Record<string, unknown>>));
        return;
      }
      log.answered(record, { kind: 'result', result: { cursor: since } });
      for await (const { name, id, data } of readEvents(response.body, silenceMs)) {
        if (name === 'reset') {
          log.noted(actor, { method: 'reset', since: this.#cursor ?? '' });
          this.#cursor = id;
          return;
        }
        this.#heard(actor, JSON.parse(data) as Change);
      }
    } catch {
      // However it ended: the next one goes on from the cursor.
    } finally {
      log.closed(actor);
    }
  }

  /** Poll after poll until one fails. */
  async #poll(over: AbortSignal): Promise<void> {
    const { log, random } = this.#options;
    const actor = this.#newActor();
    const record = log.begin(actor, 'GET /v1/changes', { since: this.#cursor ?? '' });
    try {
      while (!over.aborted) {
        const waitMs = random.pick(pollWaitsMs);
        const query = new URLSearchParams({
          ...{ since: this.#cursor ?? '', waitMs: String(waitMs), limit: String(pollLimit) },
        });
        const path = `/v1/changes?${query.toString()}`;
        const response = await this.#request(path, waitMs + callTimeoutMs, { signal: over });
        const body = (await response.json()) as Readonly<Record<string, unknown>>;
        if (!response.ok) {
          if (record.endMs === Infinity) log.answered(record, answerOf(body));
          return;
        }
        const page = body as unknown as Page;
        if (record.endMs === Infinity)
          log.answered(record, { kind: 'result', result: { cursor: this.#cursor ?? '' } });
        for (const change of page.changes ?? []) this.#heard(actor, change);
        if (page.reset === true) log.noted(actor, { method: 'reset', since: this.#cursor ?? '' });
        else log.pageEnded(actor, this.#cursor ?? '', page.cursor);
        this.#cursor = page.cursor;
        if (page.reset === true) return;
      }
    } catch {
      // However it ended: the next one goes on from the cursor.
    } finally {
      log.closed(actor);
    }
  }

  #heard(actor: Actor, change: Change): void {
    const { log, onChange } = this.#options;
    log.pushed(actor, change);
    this.#cursor = change.cursor;
    onChange(change);
  }

  #request(path: string, timeoutMs: number | undefined, init: RequestInit): Promise<Response> {
    const { urls, random, token, deviceId } = this.#options;
    const timeout = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
    const given = init.signal === undefined || init.signal === null ? [] : [init.signal];
    return fetch(`${random.pick(urls)}${path}`, {
      ...init,
      headers: {
        ...{ authorization: `Bearer ${token}`, 'x-device-id': deviceId },
        ...(init.method === 'POST' && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.any([...timeout, ...given]),
    });
  }

  #newActor(): Actor {
    const { userId, deviceId, nextConnection } = this.#options;
    return { userId, deviceId, connection: nextConnection() };
  }
}

/** JSON-RPC's answer, or the refusal of HTTP, which has the same error object. */
function answerOf(body: Readonly<Record<string, unknown>>): Answer {
  const error = body['error'] as Readonly<Record<string, unknown>> | undefined;
  return error === undefined ? { kind: 'result', result: body['result'] } : { kind: 'error', error };
}
