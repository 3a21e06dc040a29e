import type { GetChangesParams, GetChangesResult } from '../protocol/calls.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxPort } from '../router/mailbox-port.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Cancel } from '../std/time.ts';
import { jsonAnswer } from './http-answer.ts';
import { httpCaller, requestDeadline } from './http-context.ts';
import type { HttpContext } from './http-context.ts';
import type { WaitingRoom } from './waiting-room.ts';

const waitMostMs = 60_000;
const limitDefault = 500;
const limitMax = 1_000;
const sinceCharsMax = 256;

/** `GET /v1/changes?since=…&waitMs=…&limit=…`: as getChanges; with `waitMs`, waits so long for a change. */
export async function longPoll(
  context: HttpContext,
  host: SessionHost,
  room: WaitingRoom,
): Promise<Response> {
  const { userId, mailbox } = await httpCaller(context, host, requestDeadline(host));
  const since = sinceOf(context.req.query('since'));
  const limit = wholeNumber(context, 'limit', limitDefault, 1, limitMax);
  const waitMs = wholeNumber(context, 'waitMs', 0, 0, waitMostMs);
  const params = since === undefined ? { limit } : { since, limit };
  if (waitMs === 0 || since === undefined) {
    return jsonAnswer(200, await mailbox.call('getChanges', params, requestDeadline(host)));
  }
  room.enter(userId);
  try {
    const wait = new ChangeWait(mailbox, host, AbortSignal.any([context.req.raw.signal, room.closing]));
    return jsonAnswer(200, await wait.changes(params, waitMs));
  } finally {
    room.leave(userId);
  }
}

/** A cursor out of a query; undefined where there is none. Throws `invalid_params`. */
export function sinceOf(since: string | undefined): string | undefined {
  if (since !== undefined && since.length > sinceCharsMax) throw invalid('since', 'is no cursor');
  return since === '' ? undefined : since;
}

class ChangeWait {
  readonly #mailbox: MailboxPort;
  readonly #host: SessionHost;
  readonly #gone: AbortSignal;
  #heard = false;
  #wake: () => void = () => undefined;
  #cancelTimer: Cancel = () => undefined;

  constructor(mailbox: MailboxPort, host: SessionHost, gone: AbortSignal) {
    this.#mailbox = mailbox;
    this.#host = host;
    this.#gone = gone;
  }

  async changes(params: GetChangesParams, waitMs: number): Promise<GetChangesResult> {
    // First listen, then read: a commit in between is heard of.
    const unsubscribe = this.#mailbox.subscribe(() => {
      this.#heard = true;
      this.#wake();
    });
    try {
      const found = await this.#mailbox.call('getChanges', params, requestDeadline(this.#host));
      if ('reset' in found || found.changes.length > 0) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#heard || this.#gone.aborted) resolve();
        else this.#wakeAfter(waitMs, resolve);
      });
      return this.#heard
        ? await this.#mailbox.call('getChanges', params, requestDeadline(this.#host))
        : found;
    } finally {
      unsubscribe();
      this.#cancelTimer();
    }
  }

  #wakeAfter(waitMs: number, wake: () => void): void {
    this.#cancelTimer = this.#host.options.time.after(waitMs, wake);
    this.#gone.addEventListener('abort', wake, { once: true });
  }
}

function wholeNumber(
  context: HttpContext,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  const text = context.req.query(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) throw invalid(name, `must be from ${least} to ${most}`);
  return value;
}

function invalid(path: string, problem: string): ProtocolError {
  return new ProtocolError('invalid_params', `${path} ${problem}`, { path });
}
