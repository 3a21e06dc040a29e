import { closeCodes } from '../protocol/close-code.ts';
import { refusalOf } from '../protocol/error-object.ts';
import type { CallRequest, RequestId } from '../protocol/json-rpc.ts';
import { ProtocolError, refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { TokenBucket } from '../std/token-bucket.ts';
import type { CallTally } from '../telemetry/node-metrics.ts';
import type { CallService, ServedCall } from './call-service.ts';
import type { Call, Caller } from './call-table.ts';
import type { Payload, ReplyOutlet } from './device-connection.ts';
import type { Intake } from './intake.ts';
import type { ReplyBatch } from './reply-batch.ts';
import { chargeReply } from './reply-price.ts';

/** How long after its deadline a call that nobody answered is answered here: below, the same deadline holds. */
const graceMs = 1_000;
/** Who asks faster than allowed is not read for so long: to refuse costs as well. */
const restMs = 50;

interface PendingCall {
  readonly id: RequestId | undefined;
  readonly batch: ReplyBatch | undefined;
  readonly served: ServedCall;
  readonly params: object;
  readonly startedMs: number;
}

/**
 * Serves the calls of one caller on one connection: bounds them, starts them in the order they came and answers
 * each once. Reads wait here while several run or the socket is full, so that replies never pile up.
 */
export class CallDesk {
  readonly #service: CallService;
  readonly #caller: Caller;
  readonly #bucket: TokenBucket;
  readonly #outlet: ReplyOutlet;
  readonly #intake: Intake;
  /** In the order of their start, which is that of their deadlines. */
  readonly #pending = new Set<PendingCall>();
  #waitingReads: PendingCall[] = [];
  #readsRunning = 0;
  #isPaying = false;
  #ended = false;

  constructor(
    service: CallService,
    caller: Caller,
    bucket: TokenBucket,
    outlet: ReplyOutlet,
    intake: Intake,
  ) {
    this.#service = service;
    this.#caller = caller;
    this.#bucket = bucket;
    this.#outlet = outlet;
    this.#intake = intake;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  submit(request: CallRequest, batch: ReplyBatch | undefined): void {
    const { calls, unknownTally, limits, refusals, time } = this.#service;
    const served = calls.get(request.method);
    const nowMs = time.monotonicMs();
    const retryAfterMs = this.#bucket.take(nowMs);
    if (retryAfterMs > 0) {
      const tooFast = refusal('rate_limited', 'too many calls', { retryAfterMs });
      this.#intake.rest(restMs);
      this.#refuse(request.id, batch, served?.tally ?? unknownTally, tooFast);
      if (refusals.take(this.#caller.userId, nowMs) > 0)
        this.#outlet.close(closeCodes.rate, 'too many calls');
      return;
    }
    if (served === undefined) {
      this.#refuse(request.id, batch, unknownTally, refusal('method_not_found', 'no such method'));
      return;
    }
    if (this.#pending.size >= limits.inFlightMax) {
      const tooMany = refusal('overloaded', 'too many calls under way', { retryAfterMs: 100 });
      this.#refuse(request.id, batch, served.tally, tooMany);
      return;
    }
    const { id, params } = request;
    const pending: PendingCall = { id, batch, served, params, startedMs: nowMs };
    this.#pending.add(pending);
    const surcharge = served.call.surcharge?.(params) ?? 0;
    if (surcharge > 0) this.#bucket.charge(surcharge, nowMs);
    if (this.#pending.size >= limits.inFlightBusy) this.#intake.setCrowded(true);
    if (served.call.kind === 'write')
      void this.#start(pending); // it settles the call itself, either way
    else if (this.#waitingReads.length === 0 && this.#mayRead()) this.#startRead(pending);
    else this.#waitingReads.push(pending);
  }

  /** There is room in the socket again. */
  resume(): void {
    if (this.#waitingReads.length > 0) this.#startWaitingReads();
  }

  /** Answers what should have been answered below by now. */
  expire(nowMs: number): void {
    const oldestMs = nowMs - this.#service.limits.deadlineMs - graceMs;
    for (const pending of this.#pending) {
      if (pending.startedMs > oldestMs) return;
      this.#fail(pending, refusal('unavailable', 'no answer within the deadline'));
      if (pending === this.#waitingReads[0]) this.#waitingReads.shift();
    }
  }

  /** Nobody is there any more to be answered. */
  end(): void {
    this.#ended = true;
    this.#pending.clear();
    this.#waitingReads = [];
  }

  #mayRead(): boolean {
    return this.#readsRunning < this.#service.limits.readsMax && this.#outlet.hasRoom() && this.#isPaid();
  }

  /** Reads that were let in together learn what they cost one after the other: the rest waits for what is owed. */
  #isPaid(): boolean {
    const { time } = this.#service;
    const debtMs = this.#bucket.debtMs(time.monotonicMs());
    if (debtMs > 0 && !this.#isPaying) {
      this.#isPaying = true;
      time.after(debtMs, () => {
        this.#isPaying = false;
        this.resume();
      });
    }
    return debtMs === 0;
  }

  #startWaitingReads(): void {
    while (this.#waitingReads.length > 0 && this.#mayRead()) {
      const next = this.#waitingReads.shift();
      if (next !== undefined && this.#pending.has(next)) this.#startRead(next);
    }
  }

  #startRead(pending: PendingCall): void {
    this.#readsRunning += 1;
    const done = (): void => {
      this.#readsRunning -= 1;
      this.resume();
    };
    const running = this.#start(pending);
    if (running === undefined) this.#readsRunning -= 1;
    else running.then(done, done);
  }

  /** Undefined where the call was answered at once. */
  #start(pending: PendingCall): Promise<void> | undefined {
    const { call } = pending.served;
    const deadline = pending.startedMs + this.#service.limits.deadlineMs;
    const started = this.#started(call, pending, deadline);
    if ('kind' in started) {
      this.#fail(pending, started);
      return undefined;
    }
    return started.then(
      (result) =>
        call.kind === 'read' ? this.#answerInTurn(pending, result) : this.#answer(pending, result),
      (error: unknown) => this.#fail(pending, this.#explain(pending, error)),
    );
  }

  /** A call that throws is a mistake in the code; it fails this call and nothing else. */
  #started(call: Call, pending: PendingCall, deadline: number): Promise<object> | Refusal {
    try {
      return call.start(this.#caller, pending.params, deadline);
    } catch (error) {
      return this.#explain(pending, error);
    }
  }

  #answerInTurn(pending: PendingCall, result: object): Promise<void> {
    return new Promise((resolve) => {
      this.#service.replyTurns.run(this.#caller.userId, () => {
        resolve();
        this.#answer(pending, result);
      });
    });
  }

  #answer(pending: PendingCall, result: object): void {
    const { id, batch, served, startedMs } = pending;
    const sent = (): void => served.call.answered?.(this.#caller, result);
    if (!this.#pending.delete(pending)) {
      sent();
      return;
    }
    batch?.whenSent(sent);
    const nowMs = this.#service.time.monotonicMs();
    served.tally.succeeded(nowMs - startedMs);
    // The method of a notification is run like any other, but not answered.
    if (id === undefined) batch?.settle(undefined, '');
    else {
      const payload = this.#outlet.encoding.result(id, served.call.name, result);
      chargeReply(this.#bucket, payload.length, nowMs);
      this.#reply(id, batch, payload);
    }
    if (batch === undefined) sent();
    this.#settled();
  }

  #fail(pending: PendingCall, why: Refusal): void {
    if (!this.#pending.delete(pending)) return;
    this.#refuse(pending.id, pending.batch, pending.served.tally, why);
    this.#settled();
  }

  #refuse(id: RequestId | undefined, batch: ReplyBatch | undefined, tally: CallTally, why: Refusal): void {
    tally.failed(why.error);
    if (id !== undefined) this.#reply(id, batch, this.#outlet.encoding.error(id, why));
    else batch?.settle(undefined, '');
  }

  #reply(id: RequestId, batch: ReplyBatch | undefined, payload: Payload): void {
    if (this.#ended) return;
    if (batch === undefined) this.#outlet.send(payload);
    else batch.settle(id, payload);
  }

  #settled(): void {
    if (this.#pending.size < this.#service.limits.inFlightBusy / 2) this.#intake.setCrowded(false);
  }

  #explain(pending: PendingCall, error: unknown): Refusal {
    if (error instanceof ProtocolError) return refusalOf(error);
    const { logger } = this.#service;
    logger.error({ err: error, method: pending.served.call.name }, 'a call failed in an unforeseen way');
    return refusal('internal', 'internal error');
  }
}
