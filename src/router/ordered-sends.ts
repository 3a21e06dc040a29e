import type { SendMessageParams, SendMessageResult } from '../protocol/calls.ts';
import { errorKinds, ProtocolError } from '../protocol/protocol-error.ts';
import type { RingView } from '../ring/ring-view.ts';
import { isMoved } from './owner-finder.ts';
import type { Owner, OwnerFinder } from './owner-finder.ts';

/** Whose owner takes the sends, and how it is asked: one try. */
export interface SendTarget {
  readonly entityId: string;
  call(owner: Owner, params: SendMessageParams, deadline: number): Promise<SendMessageResult>;
}

type Outcome =
  | { readonly kind: 'sent'; readonly answer: SendMessageResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'moved' };

interface HeldSend {
  readonly number: number;
  readonly params: SendMessageParams;
  readonly deadline: number;
  readonly resolve: (result: SendMessageResult | Promise<SendMessageResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends that go to one owner, as a view has named it. */
interface Run {
  readonly owner: Owner;
  /** That view. */
  readonly view: RingView;
  /** It has accepted one. Until then they go one by one: it may refuse this one and, in a later view, take the next. */
  isProven: boolean;
}

/** Sends of one connection that may wait for the owner to be found. */
const heldMax = 4_096;

/**
 * The sends of one connection, to one mailbox or group: they reach the owner in the order in which they were made (G3), also while that is
 * another one from one send to the next. Whatever was refused as `moved`, and all that came after it, is held until
 * everything that is under way is answered; then it goes on in its order.
 *
 * That nothing overtakes what was refused takes two: here, the sends of a run all carry the epoch of its first one;
 * there, a node that has refused an epoch once refuses it ever after, and what waited there meanwhile (DurableState.commit).
 */
export class OrderedSends {
  readonly #target: SendTarget;
  readonly #finder: OwnerFinder;
  #held: HeldSend[] = [];
  #lastNumber = 0;
  #underWay = 0;
  /** undefined: the next one begins a new run. */
  #run: Run | undefined;
  #isReleasing = false;
  /** Runs in a row that were refused: how many, and the view of the last of them. */
  #refused: { readonly runs: number; readonly view: RingView } | undefined;

  constructor(target: SendTarget, finder: OwnerFinder) {
    this.#target = target;
    this.#finder = finder;
  }

  /** Nothing is under way: who sends next loses nothing by beginning anew. */
  get isIdle(): boolean {
    return this.#underWay === 0 && this.#held.length === 0 && !this.#isReleasing;
  }

  send(params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const number = ++this.#lastNumber;
    if (this.#held.length > 0) return this.#hold(number, params, deadline);
    return this.#try(number, params, deadline);
  }

  async #try(number: number, params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const run = this.#runTo(this.#finder.ownerOf(this.#target.entityId));
    if (run === undefined) return this.#hold(number, params, deadline);
    this.#underWay += 1;
    const outcome = await this.#outcome(run.owner, params, deadline);
    this.#underWay -= 1;
    if (outcome.kind === 'moved') {
      if (this.#run === run) {
        this.#run = undefined;
        this.#refused = { runs: 1 + (this.#refused?.runs ?? 0), view: run.view };
      }
      return this.#hold(number, params, deadline);
    }
    if (isOwners(outcome)) run.isProven = true;
    // Whoever fails otherwise tells its caller. Pauses that went on would make each of many wait past its deadline.
    this.#refused = undefined;
    this.#releaseSoon();
    if (outcome.kind === 'failed') throw outcome.error;
    return outcome.answer;
  }

  /** The run that the next send may join now; undefined: it has to wait for those that are under way. */
  #runTo(owner: Owner): Run | undefined {
    if (this.#run?.isProven === true && isSame(this.#run.owner, owner)) return this.#run;
    // What went to the former owner may still be on its way.
    if (this.#underWay > 0) return undefined;
    // This node refuses and accepts by the view that it has just looked at.
    this.#run = { owner, view: this.#finder.view, isProven: owner.kind === 'here' };
    return this.#run;
  }

  async #outcome(owner: Owner, params: SendMessageParams, deadline: number): Promise<Outcome> {
    try {
      const answer = await this.#target.call(owner, params, deadline);
      return { kind: 'sent', answer };
    } catch (error) {
      return isMoved(error) ? { kind: 'moved' } : { kind: 'failed', error };
    }
  }

  #hold(number: number, params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    if (this.#held.length >= heldMax) {
      const why = 'too many messages wait while this user is being moved';
      return Promise.reject(new ProtocolError('overloaded', why, { retryAfterMs: 500 }));
    }
    return new Promise((resolve, reject) => {
      const at = this.#held.findLastIndex((held) => held.number < number) + 1;
      this.#held.splice(at, 0, { number, params, deadline, resolve, reject });
      this.#releaseSoon();
    });
  }

  #releaseSoon(): void {
    if (this.#underWay > 0 || this.#isReleasing || this.#held.length === 0) return;
    this.#isReleasing = true;
    void this.#release();
  }

  async #release(): Promise<void> {
    const latest = this.#held.reduce((time, { deadline }) => Math.max(time, deadline), 0);
    let failure: unknown;
    try {
      const refused = this.#refused;
      if (refused !== undefined) await this.#finder.pause(refused.runs, latest, refused.view);
    } catch (error) {
      failure = error;
    }
    const sends = this.#held;
    this.#held = [];
    this.#isReleasing = false;
    for (const { number, params, deadline, resolve, reject } of sends) {
      if (failure === undefined) resolve(this.#try(number, params, deadline));
      else reject(failure);
    }
  }
}

function isSame(one: Owner, other: Owner): boolean {
  if (one.kind === 'here' || other.kind === 'here') return one.kind === other.kind;
  return one.member.incarnation === other.member.incarnation;
}

/** Has the owner dealt with it? What may be tried again can also fail on the way there. */
function isOwners(outcome: Exclude<Outcome, { kind: 'moved' }>): boolean {
  if (outcome.kind === 'sent') return true;
  return outcome.error instanceof ProtocolError && !errorKinds[outcome.error.kind].retryable;
}
