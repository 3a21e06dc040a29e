import type { Bulletin } from '../conversation/bulletin.ts';
import { markOfGroup, type FanOutMark } from '../group/fan-out-mark.ts';
import type { GroupState } from '../group/group-state.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel } from '../std/time.ts';
import type { Actor } from './actor.ts';
import type { GroupTypes } from './group-entity.ts';
import type { GroupHost } from './group-host.ts';

/** A node on which somebody listens: one bulletin under way at a time, what comes meanwhile is in the next. */
interface Subscriber {
  readonly nodeId: string;
  untilMs: number;
  /** What the node was told. */
  through: FanOutMark;
  name: string;
  isBusy: boolean;
  failures: number;
  cancelRetry: Cancel | undefined;
}

/**
 * Tells the nodes where members of a large group listen what the group has. Nothing of that has to arrive: who misses
 * something finds out by the next bulletin, or when its node asks again.
 */
export class GroupBroadcast {
  readonly #groupId: string;
  readonly #actor: Actor<GroupTypes>;
  readonly #host: GroupHost;
  readonly #subscribers = new Map<string, Subscriber>();

  constructor(groupId: string, actor: Actor<GroupTypes>, host: GroupHost) {
    this.#groupId = groupId;
    this.#actor = actor;
    this.#host = host;
  }

  /** In memory it stays as long as anybody listens: nobody else knows who does. */
  get isIdle(): boolean {
    const now = this.#host.time.monotonicMs();
    for (const subscriber of [...this.#subscribers.values()]) {
      if (now >= subscriber.untilMs) this.#end(subscriber);
    }
    return this.#subscribers.size === 0;
  }

  /** The node was told all of this, and wants to be told what comes. */
  subscribe(nodeId: string, bulletin: Bulletin): void {
    const { time, followTiming } = this.#host;
    const untilMs = time.monotonicMs() + followTiming.lastsMs;
    const known = this.#subscribers.get(nodeId);
    if (known === undefined) {
      const told = { through: markOfGroup(bulletin), name: bulletin.name };
      const idle = { isBusy: false, failures: 0, cancelRetry: undefined };
      this.#subscribers.set(nodeId, { nodeId, untilMs, ...told, ...idle });
    } else known.untilMs = untilMs;
    this.#pumpSoon();
  }

  /** After a load or a commit. */
  changed(): void {
    if (this.#subscribers.size > 0) this.#pumpSoon();
  }

  /** Another node owns the group now: nodes ask that one. */
  leave(): void {
    for (const subscriber of [...this.#subscribers.values()]) this.#end(subscriber);
  }

  #pumpSoon(): void {
    this.#host.time.soon(() => this.#pump());
  }

  #pump(): void {
    const { state } = this.#actor;
    if (state === undefined) return;
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.isBusy || subscriber.cancelRetry !== undefined || !isBehind(state, subscriber)) continue;
      subscriber.isBusy = true;
      void this.#run(subscriber).finally(() => {
        subscriber.isBusy = false;
      });
    }
  }

  async #run(subscriber: Subscriber): Promise<void> {
    const { time, random, followTiming } = this.#host;
    try {
      while (this.#isPresent(subscriber)) {
        const { state } = this.#actor;
        if (state === undefined || !isBehind(state, subscriber)) return;
        await this.#round(subscriber);
        subscriber.failures = 0;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.kind === 'internal') {
        this.#host.alarm(error, `bulletins of ${this.#groupId}`);
      }
      const { retryFirstMs: baseMs, retryMaxMs: maxMs } = followTiming;
      const waitMs = backoffDelayMs({ baseMs, maxMs }, subscriber.failures++, random);
      subscriber.cancelRetry = time.after(waitMs, () => {
        subscriber.cancelRetry = undefined;
        this.#pump();
      });
    }
  }

  async #round(subscriber: Subscriber): Promise<void> {
    const { time, members, followTiming } = this.#host;
    const { nodeId, through: above, untilMs } = subscriber;
    const deadline = time.monotonicMs() + followTiming.askMs;
    const answer = await this.#actor.query({ kind: 'bulletin', above }, deadline);
    const { state } = this.#actor;
    if (answer.kind !== 'bulletin' || answer.bulletin === undefined || state === undefined) {
      throw new ProtocolError('unavailable', 'the group cannot be read');
    }
    const { bulletin } = answer;
    // Who was put out and has not heard of it must not be shown what came after.
    const except = [...state.owed].flatMap(([userId, { event }]) =>
      state.confirmedEnrolments.get(userId) === event ? [] : [userId],
    );
    if (await members.announce(nodeId, { bulletin, except }, deadline)) {
      subscriber.through = markOfGroup(bulletin);
      subscriber.name = bulletin.name;
    } else if (subscriber.untilMs === untilMs) this.#end(subscriber);
  }

  #isPresent(subscriber: Subscriber): boolean {
    if (this.#subscribers.get(subscriber.nodeId) !== subscriber) return false;
    if (this.#host.time.monotonicMs() < subscriber.untilMs) return true;
    this.#end(subscriber);
    return false;
  }

  #end(subscriber: Subscriber): void {
    subscriber.cancelRetry?.();
    if (this.#subscribers.get(subscriber.nodeId) === subscriber) this.#subscribers.delete(subscriber.nodeId);
  }
}

/** Who comes and goes is no news to the others. */
function isBehind({ info }: GroupState, { through, name }: Subscriber): boolean {
  return info !== undefined && (through.seq < info.lastSeq || through.op < info.op || name !== info.name);
}
