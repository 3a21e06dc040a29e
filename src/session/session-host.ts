import type { Accounts } from '../accounts/accounts.ts';
import type { VerifiedToken } from '../accounts/verified-token.ts';
import type { Settings } from '../config/settings.ts';
import { closeCodes } from '../protocol/close-code.ts';
import type { CloseCode } from '../protocol/close-code.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Elsewhere, MailboxDirectory, MailboxPort, UserPort } from '../router/mailbox-port.ts';
import type { Presence } from '../protocol/calls.ts';
import type { PresencePort } from '../presence/presence-port.ts';
import { FairTurns } from '../std/fair-turns.ts';
import { KeyedBuckets } from '../std/keyed-buckets.ts';
import type { Time } from '../std/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { NodeMetrics } from '../telemetry/node-metrics.ts';
import { callLimits, servedCalls } from './call-service.ts';
import type { CallService } from './call-service.ts';
import { Company } from './company.ts';
import { mailboxCalls } from './mailbox-calls.ts';
import { chargeReply } from './reply-price.ts';
import { TokenWatch } from './token-watch.ts';
import { usersMax } from './user-rates.ts';

/** The settings that sessions read. */
export type SessionSettings = Pick<Settings, 'id' | 'session' | 'limits' | 'request' | 'dedup'>;

export interface SessionHostOptions {
  readonly settings: SessionSettings;
  readonly directory: MailboxDirectory;
  readonly accounts: Accounts;
  readonly presence: PresencePort;
  readonly userRates: KeyedBuckets;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
  readonly time: Time;
  readonly random: () => number;
  /** A device of this user was lost without a word; it has given no sign of life for `quietMs`. */
  readonly lost?: (userId: string, quietMs: number) => void;
}

/** A session as those see it who may have to end it. */
export interface Closable {
  close(code: CloseCode, reason: string): void;
  /** Another node owns the user now: tells the device where, and closes after that time. */
  sendAway(url: string, afterMs: number): void;
  /** Tells the device something beside the feed. False: it takes no data now, and nothing was written. */
  push(method: string, params: object): boolean;
  /** This node owns the user after all: takes back what `sendAway` has not carried out yet. */
  stay(): void;
}

/** What a user may say of writing, and ask of others, in a second and in a burst. */
const typingRates = { tokensPerSecond: 5, burst: 20, keysMax: usersMax };
const watchRates = { tokensPerSecond: 1, burst: 10, keysMax: usersMax };
/** Calls of a user that may be refused at once for their rate; sustained, as many as are served. */
const refusalsBurst = 5_000;
/** Time for replies to reads between two looks at what else there is to do, and what one user has of all time. */
const replyTurnMs = 1;
const replyShareOfUser = 1 / 4;

/** What the sessions of a node share: whom they ask, what they may, and who is there. */
export class SessionHost {
  readonly options: SessionHostOptions;
  readonly service: CallService;
  readonly #openingBuckets: KeyedBuckets;
  readonly #typingBuckets = new KeyedBuckets(typingRates);
  readonly #watchBuckets = new KeyedBuckets(watchRates);
  readonly #byUser = new Map<string, Set<Closable>>();
  #openCount = 0;

  constructor(options: SessionHostOptions) {
    this.options = options;
    const { settings, metrics, time, logger } = options;
    const { limits, dedup, request } = settings;
    const calls = mailboxCalls({ textBytesMax: limits.textBytesMax, aheadMs: dedup.aheadMs }, time);
    this.service = {
      calls: servedCalls(calls, metrics),
      unknownTally: metrics.call('unknown'),
      limits: callLimits(request.deadlineMs),
      refusals: new KeyedBuckets({
        tokensPerSecond: limits.requestsPerSecondPerUser,
        burst: refusalsBurst,
        keysMax: usersMax,
      }),
      replyTurns: new FairTurns(time, replyTurnMs, replyShareOfUser),
      time,
      logger,
    };
    const openingsPerMinute = limits.openingsPerMinutePerUser;
    this.#openingBuckets = new KeyedBuckets({
      tokensPerSecond: openingsPerMinute / 60,
      burst: openingsPerMinute,
      keysMax: usersMax,
    });
    options.directory.onMoves(() => {
      this.#followMoves();
    });
    options.presence.onTyped((userId, typing) => {
      for (const session of this.#byUser.get(userId) ?? []) session.push('typing', typing);
    });
  }

  /** Sends the devices after their users that other nodes own now, spread so that they don't come back in step. */
  #followMoves(): void {
    const { settings, random } = this.options;
    for (const [userId, sessions] of this.#byUser) {
      const elsewhere = this.elsewhere(userId);
      for (const session of sessions) {
        if (elsewhere === undefined) session.stay();
        else session.sendAway(elsewhere.url, Math.round(settings.session.moveSpreadMs * random()));
      }
    }
  }

  /** Where devices of this user have to go; undefined: they are right here. */
  elsewhere(userId: string): Elsewhere | undefined {
    const { directory, settings } = this.options;
    return settings.session.routing === 'proxy' ? undefined : directory.elsewhere(userId);
  }

  /** What an answer outside of `CallDesk` costs its user. */
  chargeReply(userId: string, bytes: number): void {
    const nowMs = this.options.time.monotonicMs();
    chargeReply(this.options.userRates.of(userId, nowMs), bytes, nowMs);
  }

  /** Throws `rate_limited` where this user opens sessions too often. */
  noteOpening(userId: string): void {
    const retryAfterMs = this.#openingBuckets.take(userId, this.options.time.monotonicMs());
    if (retryAfterMs > 0)
      throw new ProtocolError('rate_limited', 'too many sessions opened', { retryAfterMs });
  }

  /** @param push where changes of others go; undefined: nowhere, as there is only one answer */
  company(mailbox: UserPort, push?: (presence: Presence) => boolean): Company {
    const { presence, time } = this.options;
    const [typingBuckets, watchBuckets] = [this.#typingBuckets, this.#watchBuckets];
    return new Company({ mailbox, presence, typingBuckets, watchBuckets, time, push });
  }

  /** Calls `ended` where the token turns out not to be good any more. */
  watchToken(
    { bearer: token, mailbox }: { readonly bearer: string; readonly mailbox: MailboxPort },
    ended: () => void,
  ): TokenWatch {
    const { accounts, time, random, settings } = this.options;
    const { deadlineMs: timeoutMs } = settings.request;
    return new TokenWatch({ token, mailbox, accounts, time, random, timeoutMs, ended });
  }

  /** Has it written down that a device has come; who comes does not wait for that. */
  noteDevice(token: VerifiedToken, deviceId: string, deadline: number): void {
    const { accounts, logger } = this.options;
    accounts.noteDevice(token, deviceId, deadline).catch((err: unknown) => {
      logger.warn({ err }, 'a device could not be written down; the next time it comes will do');
    });
  }

  /** For operators: something on the way of this user's feed hangs, and is asked again. */
  feedUnanswered(userId: string): void {
    this.options.logger.warn({ userId }, 'a read of a change feed has not ended long after its deadline');
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Takes in a session that was just opened. At a user's limit the oldest one has to go. */
  admit(userId: string, session: Closable): void {
    const sessions = this.#byUser.get(userId) ?? new Set();
    if (sessions.size >= this.options.settings.limits.connectionsPerUserMax) {
      const [oldest] = sessions;
      oldest?.close(closeCodes.replaced, 'too many connections of this user');
    }
    sessions.add(session);
    // After the oldest has gone: with the last one of a user it takes their set along.
    this.#byUser.set(userId, sessions);
    this.#openCount += 1;
    // The user may have moved since the session began to open.
    if (this.elsewhere(userId) === undefined) return;
    this.options.time.soon(() => {
      const elsewhere = this.elsewhere(userId);
      if (elsewhere !== undefined) session.sendAway(elsewhere.url, 0);
    });
  }

  dismiss(userId: string, session: Closable): void {
    const sessions = this.#byUser.get(userId);
    if (sessions?.delete(session) !== true) return;
    this.#openCount -= 1;
    if (sessions.size === 0) this.#byUser.delete(userId);
  }
}
