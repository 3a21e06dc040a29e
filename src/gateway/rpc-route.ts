import { refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { readRequest } from '../protocol/json-rpc.ts';
import { CallDesk } from '../session/call-desk.ts';
import type { Caller } from '../session/call-table.ts';
import type { Payload, ReplyOutlet } from '../session/device-connection.ts';
import { Intake } from '../session/intake.ts';
import { ReplyBatch } from '../session/reply-batch.ts';
import type { SessionHost } from '../session/session-host.ts';
import { unanswerable, unparsable } from './frame-encoding.ts';
import { refusedAnswer } from './http-answer.ts';
import { httpCaller, requestDeadline } from './http-context.ts';
import type { HttpContext, HttpParts } from './http-context.ts';
import { jsonEncoding } from './json-encoding.ts';
import type { RequestRoom } from './request-room.ts';

/** Bodies being answered at once, of all users; beyond it 503. */
const inFlightMax = 1_024;
/** Beyond the deadline of the calls themselves. */
const graceMs = 2_000;

/** `POST /v1/rpc`: the calls of the protocol for those without a WebSocket, one or a batch in a body. */
export class RpcRoute {
  readonly #host: SessionHost;
  readonly #calling: RequestRoom;
  #inFlight = 0;

  constructor({ host, calling }: HttpParts) {
    this.#host = host;
    this.#calling = calling;
  }

  async answer(context: HttpContext): Promise<Response> {
    const caller = await httpCaller(context, this.#host, requestDeadline(this.#host));
    // A body that does not come in, and a reply that is not taken, cost their user a place, and nobody else.
    this.#calling.enter(caller.userId, context.env.outgoing);
    const value = jsonEncoding.decode(Buffer.from(await context.req.arrayBuffer()), false);
    if (this.#inFlight >= inFlightMax) {
      return refusedAnswer(refusal('overloaded', 'too many requests at once', { retryAfterMs: 1_000 }));
    }
    this.#inFlight += 1;
    try {
      const reply = await this.#reply(caller, value);
      if (reply === undefined) return new Response(null, { status: 204 });
      return new Response(Buffer.from(reply), { headers: { 'content-type': 'application/json' } });
    } finally {
      this.#inFlight -= 1;
    }
  }

  /** Undefined where nothing is to be answered: notifications only. */
  #reply(caller: Caller, value: unknown): Promise<Payload | undefined> {
    const { settings, time } = this.#host.options;
    return new Promise((resolve) => {
      const late = refusal('unavailable', 'no answer within the deadline');
      const cancel = time.after(settings.request.deadlineMs + graceMs, () => {
        resolve(jsonEncoding.error(null, late));
      });
      const settle = (payload: Payload | undefined): void => {
        cancel();
        resolve(payload);
      };
      this.#run(caller, value, settle);
    });
  }

  #run(caller: Caller, value: unknown, settle: (payload: Payload | undefined) => void): void {
    const { settings, time } = this.#host.options;
    const outlet: ReplyOutlet = {
      encoding: jsonEncoding,
      send: settle,
      hasRoom: () => true,
      setBusy: () => undefined,
      close: () => undefined,
    };
    const refuse = (why: Refusal): void => settle(jsonEncoding.error(null, why));
    const bucket = this.#host.options.userRates.of(caller.userId, time.monotonicMs());
    const desk = new CallDesk(this.#host.service, caller, bucket, outlet, new Intake(outlet, time));
    if (value === unparsable || value === unanswerable) {
      refuse(refusal('parse_error', 'the body is not JSON'));
    } else if (!Array.isArray(value)) {
      const isSilent = this.#submit(desk, value, undefined, settle);
      if (isSilent) settle(undefined);
    } else if (value.length === 0) {
      refuse(refusal('invalid_request', 'a batch must not be empty'));
    } else if (value.length > settings.limits.batchMax) {
      refuse(refusal('too_large', `a batch has at most ${settings.limits.batchMax} calls`));
    } else {
      const batch = new ReplyBatch(outlet, value.length, settings.session.writeBufferBytesMax);
      batch.whenSent(() => settle(undefined));
      for (const element of value) this.#submit(desk, element, batch, settle);
    }
  }

  /** True where no reply will come. */
  #submit(
    desk: CallDesk,
    value: unknown,
    batch: ReplyBatch | undefined,
    settle: (payload: Payload) => void,
  ): boolean {
    const request = readRequest(value);
    if (request.kind === 'call') {
      desk.submit(request, batch);
      return request.id === undefined;
    }
    const payload = jsonEncoding.error(request.id, request.refusal);
    if (batch === undefined) settle(payload);
    else batch.settle(request.id, payload);
    return false;
  }
}
