import type { GetChangesParams, GetChangesResult } from '../protocol/calls.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { SessionHost } from '../session/session-host.ts';
import { textAnswer } from './http-answer.ts';
import { httpCaller, requestDeadline } from './http-context.ts';
import type { HttpCaller, HttpContext, HttpParts } from './http-context.ts';

const waitMostMs = 60_000;
const limitDefault = 500;
const limitMax = 1_000;
const sinceCharsMax = 256;

/** `GET /v1/changes?since=…&waitMs=…&limit=…`: as getChanges; with `waitMs`, waits so long for a change. */
export async function longPoll(
  context: HttpContext,
  { host, calling, waiting }: HttpParts,
): Promise<Response> {
  const caller = await httpCaller(context, host, requestDeadline(host));
  const { userId, mailbox } = caller;
  const since = sinceOf(context.req.query('since'));
  const limit = wholeNumber(context, 'limit', limitDefault, 1, limitMax);
  const waitMs = wholeNumber(context, 'waitMs', 0, 0, waitMostMs);
  const params = since === undefined ? { limit } : { since, limit };
  if (waitMs === 0 || since === undefined) {
    calling.enter(userId, context.env.outgoing);
    return changesAnswer(await mailbox.call('getChanges', params, requestDeadline(host)), userId, host);
  }
  waiting.enter(userId, context.env.outgoing);
  const gone = AbortSignal.any([context.req.raw.signal, waiting.closing]);
  const wait = new ChangeWait(caller, host, gone);
  return changesAnswer(await wait.changes(params, waitMs), userId, host);
}

function changesAnswer(found: GetChangesResult, userId: string, host: SessionHost): Response {
  const text = JSON.stringify(found);
  host.chargeReply(userId, text.length);
  return textAnswer(200, text);
}

/** A cursor out of a query; undefined where there is none. Throws `invalid_params`. */
export function sinceOf(since: string | undefined): string | undefined {
  if (since !== undefined && since.length > sinceCharsMax) throw invalid('since', 'is no cursor');
  return since === '' ? undefined : since;
}

/** Waits for the first change after a cursor. What it hears of, and the token, are looked at each time it wakes. */
class ChangeWait {
  readonly #caller: HttpCaller;
  readonly #host: SessionHost;
  readonly #gone: AbortSignal;
  #heard = false;
  #wake: () => void = () => undefined;

  constructor(caller: HttpCaller, host: SessionHost, gone: AbortSignal) {
    this.#caller = caller;
    this.#host = host;
    this.#gone = gone;
  }

  /** Rejects with `unauthenticated` where the token is revoked or expires meanwhile. */
  async changes(params: GetChangesParams, waitMs: number): Promise<GetChangesResult> {
    const { mailbox, bearer, token } = this.#caller;
    const { accounts, time } = this.#host.options;
    const untilMs = time.monotonicMs() + Math.min(waitMs, Math.max(0, token.expiresAtMs - time.wallMs()));
    // First listen, then read: a commit in between is heard of.
    const unsubscribe = mailbox.subscribe(() => {
      this.#heard = true;
      this.#wake();
    });
    try {
      for (;;) {
        this.#heard = false;
        const found = await mailbox.call('getChanges', params, requestDeadline(this.#host));
        const leftMs = untilMs - time.monotonicMs();
        if ('reset' in found || found.changes.length > 0 || leftMs <= 0 || this.#gone.aborted) return found;
        await this.#heardOrAfter(leftMs);
        // What was heard of may be a revocation.
        await accounts.authenticate(bearer, requestDeadline(this.#host));
      }
    } finally {
      unsubscribe();
    }
  }

  async #heardOrAfter(waitMs: number): Promise<void> {
    if (this.#heard) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancelTimer();
        this.#gone.removeEventListener('abort', wake);
        resolve();
      };
      const cancelTimer = this.#host.options.time.after(waitMs, wake);
      this.#gone.addEventListener('abort', wake);
      this.#wake = wake;
    });
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
