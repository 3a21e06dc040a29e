import type { Static } from 'typebox';
import { sessionOpenParams } from '../protocol/call-schemas.ts';
import { closeCodes } from '../protocol/close-code.ts';
import type { CloseCode } from '../protocol/close-code.ts';
import { refusalOf } from '../protocol/error-object.ts';
import { readRequest } from '../protocol/json-rpc.ts';
import type { CallRequest, RequestId } from '../protocol/json-rpc.ts';
import { errorKinds, ProtocolError, refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { shapeCheck } from '../protocol/shape-check.ts';
import type { MailboxPort } from '../router/mailbox-port.ts';
import type { Cancel } from '../std/time.ts';
import type { CallTally } from '../telemetry/node-metrics.ts';
import { CallDesk } from './call-desk.ts';
import type { Company } from './company.ts';
import type { DeviceConnection } from './device-connection.ts';
import { FeedFollower } from './feed-follower.ts';
import type { OpenedFeed } from './feed-follower.ts';
import type { TokenWatch } from './token-watch.ts';
import { Intake } from './intake.ts';
import { ReplyBatch } from './reply-batch.ts';
import type { SessionHost } from './session-host.ts';

/** Calls that may wait while the session is being opened. */
const waitingMax = 256;
/** Attempts to open that a client can be wrong in before its connection is closed. */
const wrongAttemptsMax = 5;
/** Attempts that may fail for whatever reason: each costs a look-up. */
const failedAttemptsMax = 20;
/** Frames that are no calls, or calls of nobody, before the connection is closed. */
const faultsMax = 2_000;
/** A client may be wrong that often; with each further frame of that kind it is not read for a while. */
const faultsFree = 100;
const faultRestMs = 250;

/** A device that is to go to another node is served from there through this one, for so long after its time. */
const leaveGraceMs = 1_000;
/** For the calls of a session that is to go to another node. */
const leavePollMs = 50;
const leaveMaxMs = 2_000;

const openCheck = shapeCheck(sessionOpenParams);

interface WaitingCall {
  readonly request: CallRequest;
  readonly batch: ReplyBatch | undefined;
}

type State =
  | { readonly kind: 'unopened' }
  | { readonly kind: 'opening'; readonly waiting: WaitingCall[] }
  | {
      readonly kind: 'open';
      readonly userId: string;
      readonly expiresAtMs: number;
      readonly feed: FeedFollower;
      readonly tokenWatch: TokenWatch;
      readonly desk: CallDesk;
      readonly company: Company;
    }
  | { readonly kind: 'closing' };

/** What a successful `session.open` made. */
interface Opened {
  readonly open: Extract<State, { kind: 'open' }>;
  readonly feed: OpenedFeed;
}

/** One connection of a device: who it is, its calls, and its place in the user's change feed. */
export class Session {
  readonly #host: SessionHost;
  readonly #connection: DeviceConnection;
  readonly #intake: Intake;
  readonly #openTally: CallTally;
  /** Until when a session has to be open, however often that was tried. */
  readonly #openUntilMs: number;
  #state: State = { kind: 'unopened' };
  #cancelMove: Cancel | undefined;
  #wrongAttempts = 0;
  #failedAttempts = 0;
  #faults = 0;

  constructor(host: SessionHost, connection: DeviceConnection) {
    this.#host = host;
    this.#connection = connection;
    this.#openTally = host.options.metrics.call('session.open');
    const { time, settings } = host.options;
    this.#intake = new Intake(connection, time);
    this.#openUntilMs = time.monotonicMs() + settings.session.openTimeoutMs;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** Calls that still wait for an answer. */
  get inFlight(): number {
    if (this.#state.kind === 'opening') return 1 + this.#state.waiting.length;
    return this.#state.kind === 'open' ? this.#state.desk.inFlight : 0;
  }

  /** What a frame holds, as it was decoded: a request or a batch of them. */
  receive(value: unknown): void {
    if (this.#state.kind === 'closing') return;
    if (Array.isArray(value)) this.#receiveBatch(value);
    else this.#receiveRequest(value, undefined);
  }

  /** A frame that holds no value at all. */
  receiveUnreadable(): void {
    this.#fault(null, undefined, refusal('parse_error', 'the frame cannot be parsed'));
  }

  /** The socket takes data again. */
  resume(): void {
    if (this.#state.kind !== 'open') return;
    this.#state.desk.resume();
    this.#state.feed.resume();
    this.#state.company.resume();
  }

  /** Called now and then: ends what lasts too long. */
  tick(nowMs: number, wallMs: number): void {
    const state = this.#state;
    if (state.kind === 'unopened' && nowMs >= this.#openUntilMs) {
      this.close(closeCodes.notOpened, 'no session was opened in time');
    } else if (state.kind === 'open') {
      state.desk.expire(nowMs);
      state.company.tick(nowMs);
      if (wallMs >= state.expiresAtMs) this.close(closeCodes.tokenEnded, 'the token has expired');
    }
  }

  push(method: string, params: object): boolean {
    if (this.#state.kind !== 'open' || !this.#connection.hasRoom()) return false;
    this.#connection.send(this.#connection.encoding.push(method, params));
    return true;
  }

  sendAway(url: string, afterMs: number): void {
    if (this.#state.kind !== 'open' || this.#cancelMove !== undefined) return;
    this.#connection.send(this.#connection.encoding.push('moved', { url, afterMs }));
    // Who follows by itself opens its new socket at that time, and is gone soon after.
    this.#cancelMove = this.#host.options.time.after(afterMs + leaveGraceMs, () => {
      this.#leave(0);
    });
  }

  /** The user is right here again: a device that was told to go need not. */
  stay(): void {
    this.#cancelMove?.();
    this.#cancelMove = undefined;
  }

  /** Closes as soon as nothing waits for an answer, or after a while all the same. */
  #leave(waitedMs: number): void {
    if (this.inFlight === 0 || waitedMs >= leaveMaxMs) {
      this.close(closeCodes.moved, 'the user has moved to another node');
      return;
    }
    this.#cancelMove = this.#host.options.time.after(leavePollMs, () => {
      this.#leave(waitedMs + leavePollMs);
    });
  }

  close(code: CloseCode, reason: string): void {
    if (this.#state.kind === 'closing') return;
    this.end(code === closeCodes.heartbeatMissed || code === closeCodes.slowConsumer);
    this.#connection.close(code, reason);
  }

  /** The connection is gone. `isLost`: without a word, so that what was pushed last may not have arrived. */
  end(isLost: boolean): void {
    const state = this.#state;
    this.#state = { kind: 'closing' };
    this.#intake.end();
    if (state.kind !== 'open') return;
    this.#cancelMove?.();
    state.feed.stop();
    state.tokenWatch.stop();
    state.desk.end();
    state.company.end();
    this.#host.dismiss(state.userId, this);
    if (isLost) this.#host.options.lost?.(state.userId, this.#connection.quietMs());
  }

  #receiveBatch(values: readonly unknown[]): void {
    const { limits, session } = this.#host.options.settings;
    if (values.length === 0) {
      this.#fault(null, undefined, refusal('invalid_request', 'a batch must not be empty'));
    } else if (values.length > limits.batchMax) {
      this.#fault(null, undefined, refusal('too_large', `a batch has at most ${limits.batchMax} calls`));
    } else {
      const batch = new ReplyBatch(this.#connection, values.length, session.writeBufferBytesMax);
      for (const value of values) this.#receiveRequest(value, batch);
    }
  }

  #receiveRequest(value: unknown, batch: ReplyBatch | undefined): void {
    const request = readRequest(value);
    if (request.kind === 'invalid') this.#fault(request.id, batch, request.refusal);
    else this.#dispatch(request, batch);
  }

  #dispatch(request: CallRequest, batch: ReplyBatch | undefined): void {
    const state = this.#state;
    if (request.method === 'session.open') this.#receiveOpen(request, batch);
    else if (state.kind === 'open') state.desk.submit(request, batch);
    else if (state.kind === 'unopened') {
      this.#fault(request.id, batch, refusal('unauthenticated', 'call session.open first'));
    } else if (state.kind === 'opening') {
      if (state.waiting.length < waitingMax) state.waiting.push({ request, batch });
      else this.#fault(request.id, batch, refusal('overloaded', 'the session is still being opened'));
    }
  }

  #receiveOpen(request: CallRequest, batch: ReplyBatch | undefined): void {
    if (this.#state.kind !== 'unopened') {
      this.#fault(request.id, batch, refusal('invalid_request', 'this session was opened before'));
      return;
    }
    const { params } = request;
    if (!openCheck.fits(params)) {
      this.#refuseOpening(request, batch, openCheck.explain(params));
      return;
    }
    const opening: State = { kind: 'opening', waiting: [] };
    this.#state = opening;
    const startedMs = this.#host.options.time.monotonicMs();
    this.#open(params, startedMs).then(
      (opened) => {
        if (this.#state === opening) this.#opened(request, batch, opened, startedMs);
        else {
          opened.open.feed.stop();
          opened.open.tokenWatch.stop();
        }
        this.#dispatchWaiting(opening.waiting);
      },
      (error: unknown) => {
        if (this.#state === opening) {
          this.#state = { kind: 'unopened' };
          this.#refuseOpening(request, batch, this.#explain(error));
        }
        this.#dispatchWaiting(opening.waiting);
      },
    );
  }

  async #open(params: Static<typeof sessionOpenParams>, startedMs: number): Promise<Opened> {
    const { accounts, directory, settings, time, random, metrics } = this.#host.options;
    const deadline = startedMs + settings.request.deadlineMs;
    const verified = await accounts.authenticate(params.token, deadline);
    const { userId, expiresAtMs } = verified;
    const elsewhere = this.#host.elsewhere(userId);
    if (elsewhere !== undefined) {
      throw new ProtocolError('moved', `this user is served by ${elsewhere.nodeId}`, elsewhere);
    }
    this.#host.noteOpening(userId);
    const mailbox = directory.mailbox(userId);
    const feed = new FeedFollower({
      mailbox,
      sink: this.#connection,
      events: {
        // The client has to start anew, and that is said only in the answer to session.open.
        reset: () => this.close(closeCodes.slowConsumer, 'fell behind what is kept'),
        failed: (error) => this.#feedFailed(error),
        unanswered: () => this.#host.feedUnanswered(userId),
      },
      traffic: metrics.traffic,
      time,
      random,
      readTimeoutMs: settings.request.deadlineMs,
    });
    const opened = await feed.open(params.since, deadline);
    this.#host.noteDevice(verified, params.deviceId, deadline);
    const mailboxOf = (other: string): MailboxPort => directory.mailbox(other);
    const company = this.#host.company(mailbox, (news) => this.push('presence', news));
    const asked = directory.mailboxOfClient(userId);
    const caller = { userId, deviceId: params.deviceId, mailbox: asked, mailboxOf, company };
    const bucket = this.#host.options.userRates.of(userId, startedMs);
    const desk = new CallDesk(this.#host.service, caller, bucket, this.#connection, this.#intake);
    const ended = (): void => this.close(closeCodes.tokenEnded, 'the token was revoked');
    const tokenWatch = this.#host.watchToken({ bearer: params.token, mailbox }, ended);
    return { open: { kind: 'open', userId, expiresAtMs, feed, tokenWatch, desk, company }, feed: opened };
  }

  #opened(request: CallRequest, batch: ReplyBatch | undefined, opened: Opened, startedMs: number): void {
    const { id } = request;
    const { settings, time } = this.#host.options;
    const { textBytesMax, frameBytesMax, batchMax, membersMax, membersPerCallMax } = settings.limits;
    this.#state = opened.open;
    this.#host.admit(opened.open.userId, this);
    this.#connection.opened();
    const result = {
      userId: opened.open.userId,
      nodeId: settings.id,
      cursor: opened.feed.cursor,
      ...(opened.feed.reset && { reset: true }),
      serverTime: time.wallMs(),
      heartbeatMs: settings.session.heartbeatMs,
      limits: { textBytesMax, frameBytesMax, batchMax, membersMax, membersPerCallMax },
    };
    this.#openTally.succeeded(time.monotonicMs() - startedMs);
    const payload = this.#connection.encoding.result(id ?? null, 'session.open', result);
    // The result first, in a batch too; then the changes after it.
    if (batch !== undefined) {
      batch.whenSent(() => opened.open.feed.follow());
      batch.settle(id, payload);
    } else {
      if (id !== undefined) this.#connection.send(payload);
      opened.open.feed.follow();
    }
  }

  #dispatchWaiting(waiting: readonly WaitingCall[]): void {
    for (const { request, batch } of waiting) this.#dispatch(request, batch);
  }

  #refuseOpening(request: CallRequest, batch: ReplyBatch | undefined, why: Refusal): void {
    this.#openTally.failed(why.error);
    this.#refuse(request.id, batch, why);
    this.#failedAttempts += 1;
    if (!errorKinds[why.error].retryable) this.#wrongAttempts += 1;
    const isEnough = this.#wrongAttempts >= wrongAttemptsMax || this.#failedAttempts >= failedAttemptsMax;
    if (isEnough) this.close(closeCodes.notOpened, 'no valid session.open');
  }

  /** Answers what cannot be served; whoever sends nothing else is shown out in the end. */
  #fault(id: RequestId | undefined, batch: ReplyBatch | undefined, why: Refusal): void {
    this.#host.service.unknownTally.failed(why.error);
    this.#refuse(id, batch, why);
    this.#faults += 1;
    if (this.#faults > faultsFree) this.#intake.rest(faultRestMs);
    if (this.#faults >= faultsMax) this.close(closeCodes.rate, 'too many frames that cannot be served');
  }

  #refuse(id: RequestId | undefined, batch: ReplyBatch | undefined, why: Refusal): void {
    const payload = this.#connection.encoding.error(id ?? null, why);
    if (batch !== undefined) batch.settle(id, payload);
    else if (id !== undefined) this.#connection.send(payload);
  }

  #feedFailed(error: unknown): void {
    this.#host.options.logger.warn({ err: error }, 'the change feed of a session could not be read');
    this.close(closeCodes.slowConsumer, 'the change feed cannot be read; come back');
  }

  #explain(error: unknown): Refusal {
    if (error instanceof ProtocolError) return refusalOf(error);
    this.#host.options.logger.error({ err: error }, 'session.open failed in an unforeseen way');
    return refusal('internal', 'internal error');
  }
}
