import type { ChangeBatch } from '../actor/change-batch.ts';
import type { PeerIdentity } from '../peer/peer-request.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxPort } from '../router/mailbox-port.ts';
import type { RingView } from '../ring/ring-view.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import { PeopleWatch } from './people-watch.ts';
import type { Presence } from '../protocol/calls.ts';
import type { PresenceWatch } from './presence-port.ts';
import type { AttendAsk, Sighting } from './presence-wire.ts';

export interface PresenceWatchesParts {
  /** Throws `unavailable` before this node has joined. */
  readonly view: () => RingView;
  readonly mailbox: (userId: string) => MailboxPort;
  /** Rejects with ProtocolError. */
  readonly ask: (nodeId: string, ask: AttendAsk, deadline: number) => Promise<readonly Sighting[]>;
  readonly dismiss: (nodeId: string, watchId: number) => void;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly alarm: (error: unknown, what: string) => void;
}

/** Users that all sessions of this node watch, counted once for each. */
const entriesMax = 500_000;
/** After a change that may bring somebody into view or out of it. */
const gatherMs = 300;
/** For devices to come to a new owner after their user. */
const settleMs = 3_000;
/** Over how long watches of a node are asked for anew after a view: a second, and more where they are many. */
const spreadLeastMs = 1_000;
const spreadPerWatchMs = 0.5;
const renewTimeoutMs = 5_000;
const retry = { baseMs: 500, maxMs: 10_000 };

interface Live {
  readonly watch: PeopleWatch;
  readonly unsubscribe: Cancel;
  cancelRenewal: Cancel | undefined;
  isAsking: boolean;
  /** To be asked once more when the present asking has ended. */
  isStale: boolean;
  failures: number;
}

/**
 * The watches of this node's sessions: asks the owners of those who are watched, and asks again whenever they may be
 * others, or may have forgotten: after a view, a broken link, and where the watcher's own blocks and groups have changed.
 */
export class PresenceWatches {
  readonly #parts: PresenceWatchesParts;
  readonly #lives = new Map<number, Live>();
  #lastId = 0;
  #entries = 0;
  #changesTold = 0;

  constructor(parts: PresenceWatchesParts) {
    this.#parts = parts;
  }

  /** Sessions of this node that watch somebody. */
  get count(): number {
    return this.#lives.size;
  }

  /** Changes pushed to them so far. */
  get changesTold(): number {
    return this.#changesTold;
  }

  async watch(
    watcher: string,
    userIds: readonly string[],
    push: (presence: Presence) => void,
    deadline: number,
  ): Promise<PresenceWatch> {
    if (this.#entries + userIds.length > entriesMax) {
      throw new ProtocolError('overloaded', 'too many users are watched here', { retryAfterMs: 30_000 });
    }
    const tell = (presence: Presence): void => {
      this.#changesTold += 1;
      push(presence);
    };
    const live = this.#begin(new PeopleWatch(++this.#lastId, watcher, [...new Set(userIds)], tell));
    const end = (): void => this.#end(live);
    try {
      await this.#ask(live, deadline);
    } catch (error) {
      end();
      throw error;
    }
    return { presence: live.watch.begin(), end };
  }

  /** An owner has told something. */
  seen({ nodeId, incarnation }: PeerIdentity, sighting: Sighting, watchIds: readonly number[]): void {
    for (const watchId of watchIds) {
      const live = this.#lives.get(watchId);
      if (live === undefined) this.#parts.dismiss(nodeId, watchId);
      else if (live.watch.learn(sighting, incarnation)) this.#renewIn(live, settleMs);
    }
  }

  /** A new view is in force. */
  adopted(): void {
    const spreadMs = Math.max(spreadLeastMs, this.#lives.size * spreadPerWatchMs);
    for (const live of this.#lives.values()) this.#renewIn(live, spreadMs * this.#parts.random());
  }

  /** This node may have lost what it was to tell, or be a new start that knows of nothing. */
  linkReset(nodeId: string): void {
    for (const live of this.#lives.values()) {
      if (live.watch.nodeIds.has(nodeId)) this.#renewIn(live, spreadLeastMs * this.#parts.random());
    }
  }

  stop(): void {
    for (const live of [...this.#lives.values()]) this.#end(live);
  }

  #begin(watch: PeopleWatch): Live {
    const { watchId, watcher, userIds } = watch;
    const unsubscribe = this.#parts.mailbox(watcher).subscribe((batch) => {
      if (mayConcern(batch)) this.#renewIn(live, gatherMs);
    });
    const live: Live = {
      ...{ watch, unsubscribe, cancelRenewal: undefined },
      ...{ isAsking: false, isStale: false, failures: 0 },
    };
    this.#lives.set(watchId, live);
    this.#entries += userIds.length;
    return live;
  }

  #end(live: Live): void {
    const { watch } = live;
    if (watch.isEnded) return;
    watch.isEnded = true;
    live.unsubscribe();
    live.cancelRenewal?.();
    this.#lives.delete(watch.watchId);
    this.#entries -= watch.userIds.length;
    for (const nodeId of watch.nodeIds) this.#parts.dismiss(nodeId, watch.watchId);
  }

  #renewIn(live: Live, delayMs: number): void {
    if (live.isAsking) live.isStale = true;
    if (live.isAsking || live.cancelRenewal !== undefined || live.watch.isEnded) return;
    live.cancelRenewal = this.#parts.time.after(delayMs, () => {
      live.cancelRenewal = undefined;
      void this.#renew(live);
    });
  }

  async #renew(live: Live): Promise<void> {
    const { time, random, alarm } = this.#parts;
    try {
      await this.#ask(live, time.monotonicMs() + renewTimeoutMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) alarm(error, `presence for ${live.watch.watcher}`);
      this.#renewIn(live, backoffDelayMs(retry, live.failures++, random));
    }
  }

  /** Rejects with ProtocolError where the watcher's own mailbox cannot be asked; nodes that cannot are asked again. */
  async #ask(live: Live, deadline: number): Promise<void> {
    const { watch } = live;
    live.isAsking = true;
    try {
      const { userIds } = watch;
      const mailbox = this.#parts.mailbox(watch.watcher);
      const scope = await mailbox.call('acquaintances', { userIds }, deadline);
      watch.limitTo(new Set(scope.userIds));
      const isComplete = await this.#askNodes(watch, scope, deadline);
      if (isComplete) live.failures = 0;
      else live.isStale = true;
    } finally {
      live.isAsking = false;
    }
    if (!live.isStale) return;
    live.isStale = false;
    const { random } = this.#parts;
    this.#renewIn(live, Math.max(gatherMs, backoffDelayMs(retry, live.failures++, random)));
  }

  /** @returns false where something is left to be asked */
  async #askNodes(
    watch: PeopleWatch,
    { userIds, groupIds }: { readonly userIds: readonly string[]; readonly groupIds: readonly string[] },
    deadline: number,
  ): Promise<boolean> {
    const view = this.#parts.view();
    const byNode = Map.groupBy(userIds, (userId) => view.ownerOf(userId).nodeId);
    for (const nodeId of watch.nodeIds) if (!byNode.has(nodeId)) this.#parts.dismiss(nodeId, watch.watchId);
    watch.nodeIds = new Set(byNode.keys());
    const { watchId, watcher } = watch;
    const asked = [...byNode].map(async ([nodeId, some]): Promise<boolean> => {
      const incarnation = view.member(nodeId)?.incarnation ?? '';
      const ask = { watchId, watcher, groupIds, userIds: some };
      const sightings = await this.#parts.ask(nodeId, ask, deadline);
      // Ended while the node was asked: it has to know.
      if (watch.isEnded) this.#parts.dismiss(nodeId, watchId);
      const isDoubted = sightings.map((sighting) => watch.learn(sighting, incarnation)).includes(true);
      return !isDoubted && sightings.length === some.length;
    });
    const outcomes = await Promise.allSettled(asked);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !(outcome.reason instanceof ProtocolError)) throw outcome.reason;
    }
    return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
  }
}

/** The feed lists no blocks. */
function mayConcern({ changes, hasUnlisted }: ChangeBatch): boolean {
  return hasUnlisted || changes.some(({ kind }) => kind === 'conversation');
}
