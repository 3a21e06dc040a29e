import type { ChangeBatch } from '../actor/change-batch.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { Other } from '../mailbox/query-meeting.ts';
import type { PeerIdentity } from '../peer/peer-request.ts';
import { dmIdOf, peerInDm } from '../protocol/conversation-id.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import { Attendance } from './attendance.ts';
import type { PresenceState } from './presence-port.ts';
import type { AttendAsk, Sighting } from './presence-wire.ts';

export interface PresenceBoardParts {
  readonly registry: EntityRegistry;
  readonly isOwn: (userId: string) => boolean;
  readonly keeps: (userId: string, sinceEpoch: number) => boolean;
  readonly epoch: () => number;
  readonly time: Time;
  /** False where it could not be sent; then it is tried again. */
  readonly send: (peer: PeerIdentity, sighting: Sighting, watchIds: readonly number[]) => boolean;
  readonly alarm: (error: unknown, what: string) => void;
}

/** Watchers of one user; further ones see nobody there. */
export const watchersMax = 1_000;
/** Watched users, counted once for each watcher. */
const entriesMax = 1_000_000;
/** What is heard of within this time is looked at once. */
const gatherMs = 300;
const retryMs = 1_000;
const queryTimeoutMs = 5_000;
const hidden: PresenceState = { online: false, lastSeen: 0 };

/** One watch of a node, as far as it is about users of this one. */
interface Watch {
  readonly ask: AttendAsk;
  readonly peer: PeerIdentity;
  /** What it was told of each user; undefined: nothing yet. */
  readonly told: Map<string, PresenceState | undefined>;
}

/** A user whom somebody watches. */
interface Watched {
  readonly watches: Set<Watch>;
  /** Somebody who watches has been told nothing of this user. */
  hasHidden: boolean;
  /** A look will begin in a while. */
  isPlanned: boolean;
  /** To be looked at now, or again when the present look has ended. */
  isDue: boolean;
  isLooking: boolean;
}

/**
 * Who watches users of this node, from which node, and what they were told. Whether they may is looked at whenever there
 * is something to tell, in the mailbox of who is watched: blocks and conversations are as they are by then.
 */
export class PresenceBoard {
  readonly #parts: PresenceBoardParts;
  readonly #attendance: Attendance;
  readonly #watched = new Map<string, Watched>();
  /** By incarnation, then by the id that it gave. */
  readonly #watches = new Map<string, Map<number, Watch>>();
  #entries = 0;
  #stamp = 0;

  constructor(parts: PresenceBoardParts) {
    this.#parts = parts;
    const changed = (userId: string): void => this.#lookSoon(userId, 0);
    this.#attendance = new Attendance({ ...parts, changed });
    parts.registry.onUnheard((userId, hasUnlisted) => {
      if (hasUnlisted) this.#lookSoon(userId, gatherMs);
    });
    parts.registry.onPublished((userId, batch) => {
      const watched = this.#watched.get(userId);
      if (watched !== undefined && mayConcern(userId, watched, batch)) this.#lookSoon(userId, gatherMs);
    });
  }

  get entries(): number {
    return this.#entries;
  }

  /**
   * Begins a watch, in place of one with this id.
   * @returns what is to be told of those whom this node owns; those who could not be looked at are left out
   */
  async attend(peer: PeerIdentity, ask: AttendAsk, deadline: number): Promise<readonly Sighting[]> {
    this.unattend(peer, ask.watchId);
    const watch: Watch = { ask, peer, told: new Map() };
    const watches = this.#watches.get(peer.incarnation) ?? new Map<number, Watch>();
    this.#watches.set(peer.incarnation, watches);
    watches.set(ask.watchId, watch);
    const own = ask.userIds.filter(this.#parts.isOwn);
    for (const userId of own) this.#put(watch, userId);
    const sightings = await Promise.all(own.map((userId) => this.#sight(watch, userId, deadline)));
    return sightings.filter((sighting) => sighting !== undefined);
  }

  unattend({ incarnation }: PeerIdentity, watchId: number): void {
    const watches = this.#watches.get(incarnation);
    const watch = watches?.get(watchId);
    if (watches === undefined || watch === undefined) return;
    watches.delete(watchId);
    if (watches.size === 0) this.#watches.delete(incarnation);
    for (const userId of [...watch.told.keys()]) this.#remove(watch, userId);
  }

  /** Nobody watches at this start of a node any more, or it asks again. */
  forget(incarnation: string): void {
    for (const { peer, ask } of [...(this.#watches.get(incarnation)?.values() ?? [])]) {
      this.unattend(peer, ask.watchId);
    }
  }

  /** A new view: who moved away is watched at the new owner; nodes that are gone watch nobody. */
  adopted(isMember: (incarnation: string) => boolean): void {
    for (const incarnation of [...this.#watches.keys()]) if (!isMember(incarnation)) this.forget(incarnation);
    for (const [userId, { watches }] of [...this.#watched]) {
      if (this.#parts.isOwn(userId)) continue;
      for (const watch of [...watches]) this.#remove(watch, userId);
    }
  }

  stop(): void {
    this.#attendance.stop();
    this.#watched.clear();
    this.#watches.clear();
  }

  #put(watch: Watch, userId: string): void {
    const watched = this.#watched.get(userId) ?? newWatched();
    if (watched.watches.size >= watchersMax || this.#entries >= entriesMax) return;
    if (watch.told.has(userId)) return;
    this.#watched.set(userId, watched);
    watched.watches.add(watch);
    watch.told.set(userId, undefined);
    this.#entries++;
  }

  #remove(watch: Watch, userId: string): void {
    if (!watch.told.delete(userId)) return;
    this.#entries--;
    const watched = this.#watched.get(userId);
    if (watched === undefined) return;
    watched.watches.delete(watch);
    if (watched.watches.size === 0) this.#watched.delete(userId);
  }

  /**
   * Numbered when its own mailbox has answered: the others of the same asking may take longer, and what is told of
   * this user meanwhile is later than this.
   */
  async #sight(watch: Watch, userId: string, deadline: number): Promise<Sighting | undefined> {
    const { online, lastSeen } = this.#attendance.stateOf(userId);
    let may: boolean | undefined = false;
    try {
      // Nobody's row is read for a user of whom nothing is known anyway.
      const isKnown = online || lastSeen > 0;
      if (isKnown && watch.told.has(userId)) [may] = await this.#meet(userId, [watch], deadline);
    } catch (error) {
      this.#notLooked(userId, error);
      return undefined;
    }
    const state = may === true ? this.#attendance.stateOf(userId) : hidden;
    if (watch.told.has(userId)) this.#note(watch, userId, state);
    return { userId, ...state, stamp: ++this.#stamp };
  }

  async #meet(userId: string, watches: readonly Watch[], deadline: number): Promise<readonly boolean[]> {
    const others = watches.map(({ ask: { watcher, groupIds } }): Other => {
      return { userId: watcher, conversationIds: [dmIdOf(watcher, userId), ...groupIds] };
    });
    const answer = await this.#parts.registry.mailbox(userId).query({ kind: 'meeting', others }, deadline);
    if (!('kind' in answer) || answer.kind !== 'meeting') throw new Error('no answer to a meeting');
    return answer.may;
  }

  #lookSoon(userId: string, delayMs: number): void {
    const watched = this.#watched.get(userId);
    if (watched === undefined || watched.isPlanned) return;
    watched.isPlanned = true;
    this.#parts.time.after(delayMs, () => {
      watched.isPlanned = false;
      watched.isDue = true;
      // One look at a time: the next begins where this one has ended.
      if (!watched.isLooking) void this.#look(userId, watched);
    });
  }

  /** Tells all who watch the user what is news to them. */
  async #look(userId: string, watched: Watched): Promise<void> {
    const { time } = this.#parts;
    watched.isLooking = true;
    try {
      while (watched.isDue && this.#watched.get(userId) === watched) {
        watched.isDue = false;
        const watches = [...watched.watches];
        const may = await this.#meet(userId, watches, time.monotonicMs() + queryTimeoutMs);
        this.#tell(userId, watches, may);
      }
    } catch (error) {
      watched.isDue = false;
      this.#notLooked(userId, error);
    } finally {
      watched.isLooking = false;
    }
  }

  #tell(userId: string, watches: readonly Watch[], may: readonly boolean[]): void {
    // As it is now: the mailbox was asked a moment ago.
    const present = this.#attendance.stateOf(userId);
    const watched = this.#watched.get(userId);
    if (watched !== undefined) watched.hasHidden = may.includes(false);
    const newsFor = new Map<string, { peer: PeerIdentity; state: PresenceState; watches: Watch[] }>();
    watches.forEach((watch, index) => {
      if (!watch.told.has(userId)) return;
      const state = may[index] === true ? present : hidden;
      const told = watch.told.get(userId);
      if (told !== undefined && isSame(told, state)) return;
      const { peer } = watch;
      const key = `${peer.incarnation} ${String(state === hidden)}`;
      const news = newsFor.get(key);
      if (news === undefined) newsFor.set(key, { peer, state, watches: [watch] });
      else news.watches.push(watch);
    });
    const stamp = ++this.#stamp;
    for (const { peer, state, watches: some } of newsFor.values()) {
      const watchIds = some.map(({ ask }) => ask.watchId);
      const isSent = this.#parts.send(peer, { userId, ...state, stamp }, watchIds);
      for (const watch of some) this.#note(watch, userId, isSent ? state : undefined);
      if (!isSent) this.#lookSoon(userId, retryMs);
    }
  }

  #note(watch: Watch, userId: string, state: PresenceState | undefined): void {
    watch.told.set(userId, state);
    const watched = this.#watched.get(userId);
    if (state === hidden && watched !== undefined) watched.hasHidden = true;
  }

  #notLooked(userId: string, error: unknown): void {
    if (!(error instanceof ProtocolError)) this.#parts.alarm(error, `presence of ${userId}`);
    // Who moved away is asked for at the next owner.
    else if (error.kind !== 'moved') this.#lookSoon(userId, retryMs);
  }
}

/** Somebody online is the same whenever that is told. */
function isSame(a: PresenceState, b: PresenceState): boolean {
  return a.online === b.online && (a.online || a.lastSeen === b.lastSeen);
}

function newWatched(): Watched {
  return { watches: new Set(), hasHidden: false, isPlanned: false, isDue: false, isLooking: false };
}

/**
 * The feed lists no blocks; who comes into a group or leaves it has a change of a conversation; the first message
 * between two makes one of theirs.
 */
function mayConcern(
  userId: string,
  { watches, hasHidden }: Watched,
  { changes, hasUnlisted }: ChangeBatch,
): boolean {
  if (hasUnlisted) return true;
  return changes.some((change) => {
    if (change.kind !== 'message') return change.kind === 'conversation';
    const peer = hasHidden ? peerInDm(change.message.conversationId, userId) : undefined;
    return peer !== undefined && [...watches].some((watch) => isHiddenFrom(watch, peer, userId));
  });
}

function isHiddenFrom({ ask, told }: Watch, watcher: string, userId: string): boolean {
  return ask.watcher === watcher && told.get(userId) === hidden;
}
