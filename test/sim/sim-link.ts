import type { Change } from '../../src/protocol/message.ts';
import type { Presence } from '../../src/protocol/calls.ts';
import type { PresenceWatch } from '../../src/presence/presence-port.ts';
import type { UserPort } from '../../src/router/mailbox-port.ts';
import { FeedFollower } from '../../src/session/feed-follower.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';

/** The connection is gone, or nobody answers on it: whether the call was carried out is open. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

export interface LinkEvents {
  /** Pushed by the node, in its order. */
  changes(changes: readonly Change[]): void;
  /** The feed was opened, or goes on, at this place instead of the one that was asked for. */
  reset(cursor: string): void;
  /** The connection has ended, whoever ended it. */
  closed(): void;
}

const callTimeoutMs = 1_200;
/** A client gives up on a connection that doesn't answer. */
const patienceMs = 2_500;

/**
 * One connection of a device to a node: calls there and answers back, each way in order, and the pushes of a
 * session's feed between the answers. It ends when the node's process dies, or when one side is fed up.
 */
export class SimLink {
  readonly node: SimNode;
  /** First tries of this connection that were taken: in which order they were made, and what they got. */
  readonly taken: { readonly lane: string; readonly issued: number; readonly seq: number }[] = [];
  readonly #cluster: SimCluster;
  readonly #mailbox: UserPort;
  readonly #events: LinkEvents;
  readonly #pending = new Set<(error: LinkError) => void>();
  /** Who is there, as far as the node has told; empty where nobody is watched. */
  readonly seen = new Map<string, Presence>();
  #follower: FeedFollower | undefined;
  #watch: PresenceWatch | undefined;
  #isOpen = true;
  #lastThereMs = 0;
  #lastBackMs = 0;

  constructor(cluster: SimCluster, node: SimNode, userId: string, events: LinkEvents) {
    this.#cluster = cluster;
    this.node = node;
    this.#mailbox = node.member.router.mailbox(userId);
    this.#events = events;
    node.process.onDeath(() => {
      this.#back(() => {
        this.#end();
      });
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Makes a call on the node. Rejects with what it rejects with, or LinkError.
   * @param over called once when the node is through with the call, or dead. This may be long after a LinkError: a
   * paused process reads later what has reached it, also from a connection that is gone by then.
   */
  call<T>(
    ask: (mailbox: UserPort, deadline: number) => Promise<T>,
    over: () => void = () => undefined,
  ): Promise<T> {
    const end = this.#onceOrAtDeath(over);
    return new Promise((resolve, reject) => {
      const fail = (error: LinkError): void => {
        cancel();
        this.#pending.delete(fail);
        reject(error);
      };
      const cancel = this.#cluster.world.after(patienceMs, () => {
        fail(new LinkError('no answer'));
        this.close();
      });
      this.#pending.add(fail);
      const back = (settle: () => void): void => {
        this.#back(() => {
          cancel();
          this.#pending.delete(fail);
          settle();
        });
      };
      this.#there(() => {
        const { time } = this.node.process;
        this.#asked(ask, time.monotonicMs() + callTimeoutMs).then(
          (result) => {
            end();
            back(() => resolve(result));
          },
          (error: unknown) => {
            end();
            back(() => reject(error instanceof Error ? error : new Error(String(error))));
          },
        );
      });
    });
  }

  /** Opens the feed; what follows comes as events. Rejects as `call`. */
  follow(since: string): Promise<void> {
    return this.call(async (mailbox, deadline) => {
      const { random, sky } = this.#cluster;
      const { time } = this.node.process;
      const hasRoom = (): boolean => {
        if (sky.isCalm || !random.chance(0.05)) return true;
        time.after(random.below(50), () => follower.resume());
        return false;
      };
      const push = (changes: readonly Change[]): boolean => {
        if (!hasRoom()) return false;
        this.#back(() => {
          this.#events.changes(changes);
        });
        return true;
      };
      const follower = new FeedFollower({
        ...{ mailbox, time, random: random.next, readTimeoutMs: callTimeoutMs, traffic: newTraffic() },
        sink: { pushBatch: ({ changes }) => push(changes), pushChange: (change) => push([change]) },
        events: {
          reset: (cursor) => {
            this.#reset(cursor);
          },
          failed: () => {
            this.close();
          },
          // The process may have stood still for so long.
          unanswered: () => undefined,
        },
      });
      this.#follower = follower;
      const opened = await follower.open(since, deadline);
      if (opened.reset) this.#reset(opened.cursor);
      if (this.#isOpen) follower.follow();
      else follower.stop();
    });
  }

  /** Watches who of these is there. Rejects as `call`. */
  watch(userIds: readonly string[]): Promise<void> {
    const show = (presence: readonly Presence[]): void => {
      this.#back(() => {
        for (const one of presence) this.seen.set(one.userId, one);
      });
    };
    return this.call(async ({ userId }, deadline) => {
      const push = (news: Presence): void => show([news]);
      const watch = await this.node.member.presence.watch(userId, userIds, push, deadline);
      show(watch.presence);
      this.#watch = watch;
      if (!this.#isOpen) watch.end();
    });
  }

  /** Either side hangs up. */
  close(): void {
    if (!this.#isOpen) return;
    this.#there(() => {
      this.#follower?.stop();
      this.#watch?.end();
    });
    this.#end();
  }

  /** What the gateway would catch as well. */
  async #asked<T>(ask: (mailbox: UserPort, deadline: number) => Promise<T>, deadline: number): Promise<T> {
    return ask(this.#mailbox, deadline);
  }

  #onceOrAtDeath(over: () => void): () => void {
    let isOver = false;
    const end = (): void => {
      if (!isOver) over();
      isOver = true;
    };
    const { process } = this.node;
    if (process.isAlive) process.onDeath(end);
    else end();
    return end;
  }

  #reset(cursor: string): void {
    this.#back(() => {
      this.#events.reset(cursor);
    });
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const fail of [...this.#pending]) fail(new LinkError('the connection is gone'));
    this.#events.closed();
  }

  #there(run: () => void): void {
    const { world } = this.#cluster;
    this.#lastThereMs = Math.max(this.#lastThereMs, world.monotonicMs() + this.#wayMs());
    world.after(this.#lastThereMs - world.monotonicMs(), () => {
      this.node.process.enter(run);
    });
  }

  #back(run: () => void): void {
    const { world } = this.#cluster;
    this.#lastBackMs = Math.max(this.#lastBackMs, world.monotonicMs() + this.#wayMs());
    world.after(this.#lastBackMs - world.monotonicMs(), () => {
      if (this.#isOpen) run();
    });
  }

  #wayMs(): number {
    const { climate, random } = this.#cluster;
    return random.next() * climate.wireLatencyMs;
  }
}

function newTraffic() {
  return { framesReceived: 0, bytesReceived: 0, bytesSent: 0, changesPushed: 0, changesCaughtUp: 0 };
}
