import type { Bulletin, Told } from '../conversation/bulletin.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { StoreError, type RowStore } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import { backoffDelayMs, jitteredMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { FollowTiming } from './group-host.ts';
import type { FollowPort, GroupPort } from './mailbox-host.ts';
import type { Tenure } from './tenure.ts';

/** A member's mailbox on this node, on whose feed somebody listens. */
interface Follower {
  /** @returns false: it has to be told by `hear` */
  hearAtOnce(bulletin: Bulletin, stored: RowVersion | undefined): boolean;
  hear(bulletin: Bulletin): void;
  askSoon(): void;
}

export interface FollowerParts {
  readonly groups: GroupPort;
  readonly follower: (userId: string) => Follower;
  readonly store: Pick<RowStore, 'versions'>;
  /** Without a current lease no mailbox is held: all are compared with the store. */
  readonly tenure: Pick<Tenure, 'isLeaseCurrent'>;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly timing: FollowTiming;
  readonly alarm: (error: unknown, what: string) => void;
}

/** One large group, and those of its members who listen here. */
interface Topic {
  readonly groupId: string;
  readonly users: Set<string>;
  /** The last that was heard of the group. */
  last: Bulletin | undefined;
  /** The group tells this node what it has until then, monotonic ms. */
  liveUntilMs: number;
  tries: number;
  /** How often it was asked, or is to be: an answer to an earlier question may be of an owner that forgets this node. */
  asked: number;
  cancelNext: Cancel;
}

const nothing: Cancel = () => undefined;
const nobody: ReadonlySet<string> = new Set();
/** Mailboxes that are told in one turn of the event loop, and share one look at the store. */
const toldAtOnce = 256;
/** For such a look: a mailbox that has to wait for longer waits alone. */
const comparisonMs = 1_000;

/**
 * Large groups tell nodes, not mailboxes: this node asks each of them once for all of its users, again from time to
 * time, and whenever it may have been forgotten; what comes is for the mailboxes of those who listen.
 */
export class GroupFollowers implements FollowPort {
  readonly #parts: FollowerParts;
  readonly #topics = new Map<string, Topic>();
  readonly #byUser = new Map<string, ReadonlySet<string>>();

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  follow(userId: string, groupIds: ReadonlySet<string>): void {
    const before = this.#byUser.get(userId);
    if (before === undefined && groupIds.size === 0) return;
    if (before?.size === groupIds.size && [...groupIds].every((id) => before.has(id))) return;
    for (const groupId of before ?? []) if (!groupIds.has(groupId)) this.#leave(groupId, userId);
    for (const groupId of groupIds) if (before?.has(groupId) !== true) this.#join(groupId, userId);
    this.#byUser.set(userId, new Set(groupIds));
  }

  /** Nobody listens on this user's feed any more. */
  unfollow(userId: string): void {
    for (const groupId of this.#byUser.get(userId) ?? []) this.#leave(groupId, userId);
    this.#byUser.delete(userId);
  }

  isCurrent(groupId: string, told: Told): boolean {
    const topic = this.#topics.get(groupId);
    if (topic?.last === undefined || this.#parts.time.monotonicMs() >= topic.liveUntilMs) return false;
    return topic.last.lastSeq <= told.seq && topic.last.op <= told.op;
  }

  /**
   * A group tells what it has. @param except members who may have come or gone: they ask
   * @returns when all have heard of it, so that what comes meanwhile is told as one; false: nobody here wants to know
   */
  async announce(bulletin: Bulletin, except: readonly string[]): Promise<boolean> {
    const topic = this.#topics.get(bulletin.groupId);
    if (topic === undefined) return false;
    note(topic, bulletin);
    const apart = new Set(except);
    for (const userId of topic.users) if (apart.has(userId)) this.#parts.follower(userId).askSoon();
    await this.#tell(topic, bulletin, apart);
    return true;
  }

  /**
   * A few at a time: what others wait for (the answer to who has sent it, the other nodes' bulletins, the sockets of
   * those who were told first) goes out in between.
   */
  async #tell(topic: Topic, bulletin: Bulletin, except: ReadonlySet<string>): Promise<void> {
    const { tenure, time, alarm } = this.#parts;
    const userIds = [...topic.users].filter((userId) => !except.has(userId));
    try {
      let isComparing = true;
      for (let from = 0; from < userIds.length; from += toldAtOnce) {
        await new Promise<void>((resolve) => {
          time.soon(resolve);
        });
        // Who has stopped listening meanwhile is told nothing.
        const some = userIds.slice(from, from + toldAtOnce).filter((userId) => topic.users.has(userId));
        const unproven = tenure.isLeaseCurrent()
          ? some.filter((userId) => !this.#parts.follower(userId).hearAtOnce(bulletin, undefined))
          : some;
        if (unproven.length === 0) continue;
        const stored: readonly (RowVersion | undefined)[] = isComparing ? await this.#versions(unproven) : [];
        // Each finds out for itself then, and has its own way to go on.
        isComparing = stored.length > 0;
        unproven.forEach((userId, index) => {
          if (!topic.users.has(userId)) return;
          const mailbox = this.#parts.follower(userId);
          if (!mailbox.hearAtOnce(bulletin, stored[index])) mailbox.hear(bulletin);
        });
      }
    } catch (error) {
      alarm(error, `telling of ${topic.groupId}`);
    }
  }

  /** Those whose mailboxes may have been written elsewhere share one look at the store. @returns none: it fails */
  async #versions(userIds: readonly string[]): Promise<readonly (RowVersion | undefined)[]> {
    const { store, time } = this.#parts;
    try {
      return await store.versions(userIds, time.monotonicMs() + comparisonMs);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return [];
    }
  }

  /** Groups may have moved, or may have forgotten this node. */
  askAgain(): void {
    for (const topic of this.#topics.values()) {
      topic.liveUntilMs = 0;
      topic.tries = 0;
      topic.asked++;
      this.#next(topic, this.#parts.random() * this.#parts.timing.retryFirstMs);
    }
  }

  #join(groupId: string, userId: string): void {
    const topic = this.#topics.get(groupId);
    if (topic !== undefined) {
      topic.users.add(userId);
      if (topic.last !== undefined) this.#parts.follower(userId).hear(topic.last);
      return;
    }
    const users = new Set([userId]);
    const added = {
      groupId,
      users,
      last: undefined,
      liveUntilMs: 0,
      tries: 0,
      asked: 0,
      cancelNext: nothing,
    };
    this.#topics.set(groupId, added);
    this.#next(added, 0);
  }

  /** Where the group is not told it stops when it finds nobody here. */
  #leave(groupId: string, userId: string): void {
    const topic = this.#topics.get(groupId);
    if (topic?.users.delete(userId) !== true || topic.users.size > 0) return;
    topic.cancelNext();
    this.#topics.delete(groupId);
  }

  #next(topic: Topic, waitMs: number): void {
    topic.cancelNext();
    topic.cancelNext = this.#parts.time.after(waitMs, () => {
      void this.#subscribe(topic);
    });
  }

  async #subscribe(topic: Topic): Promise<void> {
    const { time, timing, groups, random } = this.#parts;
    const sinceMs = time.monotonicMs();
    const before = topic.last;
    const asked = ++topic.asked;
    const wasLive = sinceMs < topic.liveUntilMs;
    try {
      const bulletin = await groups.subscribe(topic.groupId, sinceMs + timing.askMs);
      if (this.#topics.get(topic.groupId) !== topic || topic.asked !== asked) return;
      topic.tries = 0;
      topic.liveUntilMs = sinceMs + timing.lastsMs;
      note(topic, bulletin);
      // Of what the group told in the meantime the followers have heard, or are about to.
      const known = wasLive ? before : bulletin;
      if (known !== undefined) void this.#tell(topic, known, nobody);
      this.#next(topic, jitteredMs(timing.renewMs, random));
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.kind === 'internal') {
        this.#parts.alarm(error, `following ${topic.groupId}`);
      }
      if (this.#topics.get(topic.groupId) !== topic || topic.asked !== asked) return;
      this.#next(
        topic,
        backoffDelayMs({ baseMs: timing.retryFirstMs, maxMs: timing.retryMaxMs }, topic.tries++, random),
      );
    }
  }
}

/** What comes late tells nothing. */
function note(topic: Topic, bulletin: Bulletin): void {
  const { lastSeq, op } = topic.last ?? { lastSeq: 0, op: 0 };
  if (bulletin.lastSeq >= lastSeq && bulletin.op >= op)
    topic.last = { ...bulletin, messages: [], changed: [] };
}
