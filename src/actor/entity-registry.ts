import { isGroupId } from '../protocol/conversation-id.ts';
import { headAt } from '../mailbox/feed-head.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import type { ChangeBatch, ChangeListener } from './change-batch.ts';
import type { Entity } from './entity.ts';
import { EvictionPolicy } from './eviction-policy.ts';
import { Group } from './group.ts';
import { GroupFollowers } from './group-followers.ts';
import type { GroupHost } from './group-host.ts';
import { LoadGate, type LoadLimits } from './load-gate.ts';
import { Mailbox } from './mailbox.ts';
import type { MailboxHost } from './mailbox-host.ts';

export interface CacheLimits extends LoadLimits {
  readonly budgetBytes: number;
  /** Messages older than this go first, ms. */
  readonly recentMs: number;
}

/** Counters since the start, and what is in memory now. */
export interface CacheStats {
  readonly mailboxes: number;
  readonly bytes: number;
  readonly evictedTiers: number;
  readonly evictedMailboxes: number;
}

/** An entity in memory, and the bytes that it takes there. */
export interface HotEntity {
  readonly entityId: string;
  readonly bytes: number;
}

export type RegistryHost = Omit<
  MailboxHost & GroupHost,
  'isWatched' | 'publish' | 'unheard' | 'accounted' | 'loads' | 'follows'
>;

/** Does anybody listen on the feed of this user now? */
export type AudienceListener = (userId: string, isHeard: boolean) => void;
export type UnheardListener = (userId: string, hasUnlisted: boolean) => void;
export type PublishListener = (userId: string, batch: ChangeBatch) => void;

/** Evictions in one tick, so that a burst doesn't hold up messages. */
const evictionsPerTick = 64;
/** How soon those that still had something under way, when they were to leave memory, are looked at again. */
const busyPollMs = 250;

/** The entities that are active on this node, within one budget of bytes, and who listens on the feeds of its users. */
export class EntityRegistry {
  /** What is being read into memory. */
  readonly loads: LoadGate;
  /** What is heard here of large groups. */
  readonly followers: GroupFollowers;
  readonly #host: MailboxHost & GroupHost;
  readonly #limits: CacheLimits;
  readonly #entities = new Map<string, Mailbox | Group>();
  readonly #listeners = new Map<string, Set<ChangeListener>>();
  readonly #policy: EvictionPolicy;
  readonly #unheardListeners: UnheardListener[] = [];
  readonly #audienceListeners: AudienceListener[] = [];
  readonly #publishListeners: PublishListener[] = [];
  #isOwn: (entityId: string) => boolean = () => true;
  /** Entities of others that had something under way. */
  readonly #leaving = new Set<string>();
  #isReleasing = false;
  #isEvicting = false;
  #evictedTiers = 0;
  #evictedMailboxes = 0;

  constructor(host: RegistryHost, limits: CacheLimits) {
    this.#limits = limits;
    this.#policy = new EvictionPolicy(limits.budgetBytes);
    this.loads = new LoadGate({ limits, time: host.time, random: host.random });
    this.followers = new GroupFollowers({
      ...{ groups: host.groups, store: host.store, tenure: host.tenure, time: host.time },
      ...{ random: host.random, timing: host.followTiming },
      follower: (userId) => this.mailbox(userId).groups,
      alarm: host.alarm,
    });
    this.#host = {
      ...host,
      loads: this.loads,
      follows: this.followers,
      isWatched: (userId) => this.isWatched(userId),
      unheard: (userId, hasUnlisted) => {
        for (const listener of this.#unheardListeners) listener(userId, hasUnlisted);
      },
      publish: (userId, batch) => {
        this.#publish(userId, batch);
      },
      accounted: (entityId, bytes) => {
        this.#policy.account(entityId, bytes);
        this.#evictSoon();
      },
    };
  }

  get stats(): CacheStats {
    return {
      mailboxes: this.#entities.size,
      bytes: this.#policy.bytes,
      evictedTiers: this.#evictedTiers,
      evictedMailboxes: this.#evictedMailboxes,
    };
  }

  /** The user's mailbox, to be used at once: it may be dropped from memory whenever it is idle. */
  mailbox(userId: string): Mailbox {
    const known = this.#used(userId);
    return known?.kind === 'mailbox' ? known : this.#add(new Mailbox(userId, this.#host));
  }

  /** The group, to be used at once. */
  group(groupId: string): Group {
    const known = this.#used(groupId);
    return known?.kind === 'group' ? known : this.#add(new Group(groupId, this.#host));
  }

  /** Drops from memory what is of no use there, unless something of it is under way. */
  discard(entityId: string): void {
    if (this.#entities.get(entityId)?.isIdle === true) this.#drop(entityId);
  }

  /** Whatever this id names, to be used at once. */
  entity(entityId: string): Entity {
    return isGroupId(entityId) ? this.group(entityId) : this.mailbox(entityId);
  }

  /** The ring has changed: entities of others leave memory, as soon as nothing of theirs is under way. */
  release(isOwn: (entityId: string) => boolean): void {
    this.#isOwn = isOwn;
    for (const entityId of this.#entities.keys()) if (!isOwn(entityId)) this.#leaving.add(entityId);
    this.#releaseLeaving();
  }

  /** Looks at none but those that leave: where the store is slow this goes on for long, beside all that stay. */
  #releaseLeaving(): void {
    for (const entityId of this.#leaving) {
      const entity = this.#isOwn(entityId) ? undefined : this.#entities.get(entityId);
      entity?.leave();
      if (entity?.isIdle === false) continue;
      this.#leaving.delete(entityId);
      if (entity !== undefined) this.#drop(entityId);
    }
    if (this.#leaving.size === 0 || this.#isReleasing) return;
    this.#isReleasing = true;
    this.#host.time.after(busyPollMs, () => {
      this.#isReleasing = false;
      this.#releaseLeaving();
    });
  }

  /** Does anybody listen on this user's feed? */
  isWatched(userId: string): boolean {
    return this.#listeners.has(userId);
  }

  /** Calls `listener`, which must not throw, at each commit that changes a mailbox while nobody listens on its feed. */
  onUnheard(listener: UnheardListener): void {
    this.#unheardListeners.push(listener);
  }

  /**
   * Calls `listener`, which must not throw, when somebody begins to listen on a feed on which nobody did, and when the
   * last one has left.
   */
  onAudience(listener: AudienceListener): void {
    this.#audienceListeners.push(listener);
  }

  /** Calls `listener`, which must not throw, at all that is published, without counting as one who listens. */
  onPublished(listener: PublishListener): void {
    this.#publishListeners.push(listener);
  }

  /** What is in memory, the most recently used first. */
  hottest(): readonly HotEntity[] {
    return this.#policy.hottest();
  }

  /** What is in memory of a row; undefined: nothing, or more than so many bytes. */
  snapshot(entityId: string, bytesMax: number): RowCopy | undefined {
    return this.#entities.get(entityId)?.snapshot(bytesMax);
  }

  /** The commit of a row that is in flight, until it is over; undefined: none. */
  writing(entityId: string): Promise<unknown> | undefined {
    return this.#entities.get(entityId)?.writing;
  }

  /** Bytes that may still be taken; below 0 where some will have to go. */
  get roomBytes(): number {
    return this.#limits.budgetBytes - this.#policy.bytes;
  }

  /** Users on whose feed somebody listens. */
  get watchedUsers(): readonly string[] {
    return [...this.#listeners.keys()];
  }

  /**
   * Head of the user's feed in a copy that a former owner has sent. It comes into memory soon, and whoever listens is told
   * then where that stands. undefined: there is none, or there is no need of it.
   */
  headSentAhead(userId: string): string | undefined {
    if (this.#entities.get(userId)?.state !== undefined) return undefined;
    const version = this.#host.handoff.standsAt(userId);
    return version && headAt(version);
  }

  subscribe(userId: string, listener: ChangeListener): () => void {
    let listeners = this.#listeners.get(userId);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(userId, listeners);
      this.#tellAudience(userId, true);
    }
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.#listeners.get(userId) !== listeners) return;
      this.#listeners.delete(userId);
      this.#tellAudience(userId, false);
      this.followers.unfollow(userId);
    };
  }

  /** Whoever listens on this user's feed reads on from its own cursor. */
  mayHaveMissed(userId: string): void {
    this.#publish(userId, { previous: '', head: '', changes: [], hasUnlisted: true });
  }

  #tellAudience(userId: string, isHeard: boolean): void {
    for (const listener of this.#audienceListeners) listener(userId, isHeard);
  }

  #publish(userId: string, batch: ChangeBatch): void {
    for (const listener of this.#publishListeners) listener(userId, batch);
    for (const listener of this.#listeners.get(userId) ?? []) {
      try {
        listener(batch);
      } catch (error) {
        this.#host.alarm(error, 'listener on a change feed');
      }
    }
  }

  #used(entityId: string): Mailbox | Group | undefined {
    this.#policy.touch(entityId);
    return this.#entities.get(entityId);
  }

  #add<Added extends Mailbox | Group>(entity: Added): Added {
    this.#entities.set(entity.entityId, entity);
    this.#policy.account(entity.entityId, entity.bytes);
    this.#evictSoon();
    return entity;
  }

  #drop(entityId: string): void {
    this.#entities.delete(entityId);
    this.#policy.forget(entityId);
  }

  #evictSoon(): void {
    if (this.#isEvicting || !this.#policy.isOverBudget) return;
    this.#isEvicting = true;
    this.#host.time.soon(() => {
      this.#evict(new Set());
    });
  }

  /** @param busy those who were passed over in this round: where only they are left, the next one begins after a pause */
  #evict(busy: Set<string>): void {
    const { time } = this.#host;
    const recentSince = time.wallMs() - this.#limits.recentMs;
    for (let count = 0; count < evictionsPerTick; count++) {
      const eviction = this.#policy.next();
      if (eviction === undefined) {
        this.#isEvicting = false;
        return;
      }
      if (busy.has(eviction.entityId)) {
        time.after(busyPollMs, () => {
          this.#evict(new Set());
        });
        return;
      }
      const { entityId, step } = eviction;
      const entity = this.#entities.get(entityId);
      if (entity?.evict(step, recentSince) === true) {
        this.#policy.account(entityId, entity.bytes);
        this.#evictedTiers++;
      } else if (entity === undefined || entity.isIdle) {
        this.#drop(entityId);
        this.#evictedMailboxes++;
      } else {
        entity.settleSoon();
        busy.add(entityId);
        this.#policy.touch(entityId);
      }
    }
    time.soon(() => {
      this.#evict(busy);
    });
  }
}
