import type { SendMessageParams, SendMessageResult } from '../protocol/calls.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { OwnerCalls } from './owner-calls.ts';
import { isMoved } from './owner-finder.ts';

type Outcome =
  | { readonly kind: 'sent'; readonly answer: SendMessageResult }
  | { readonly kind: 'failed'; readonly error: unknown };

interface HeldSend {
  readonly number: number;
  readonly params: SendMessageParams;
  readonly deadline: number;
  readonly resolve: (result: SendMessageResult | Promise<SendMessageResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends of one connection that may wait for the owner to be found. */
const heldMax = 4_096;

/**
 * The sends of one connection: they reach the owner in the order in which they were made (G3), also while that is
 * another one from one send to the next. Whatever was refused as `moved`, and all that came after it, is held until
 * everything that is under way is answered; then it goes on in its order.
 */
export class OrderedSends {
  readonly #userId: string;
  readonly #calls: OwnerCalls;
  #held: HeldSend[] = [];
  #lastNumber = 0;
  #underWay = 0;
  /** Where those went that are under way; undefined: this node. */
  #target: string | undefined;
  #isReleasing = false;
  /** Times in a row that what was held came back. */
  #returns = 0;

  constructor(userId: string, calls: OwnerCalls) {
    this.#userId = userId;
    this.#calls = calls;
  }

  send(params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const number = ++this.#lastNumber;
    if (this.#held.length > 0) return this.#hold(number, params, deadline);
    return this.#try(number, params, deadline);
  }

  async #try(number: number, params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const owner = this.#calls.finder.ownerOf(this.#userId);
    const target = owner.kind === 'there' ? owner.member.incarnation : undefined;
    // What went to the former owner may still be on its way.
    if (this.#underWay > 0 && target !== this.#target) return this.#hold(number, params, deadline);
    this.#target = target;
    this.#underWay += 1;
    const result = await this.#answer(this.#calls.call(owner, this.#userId, 'sendMessage', params, deadline));
    this.#underWay -= 1;
    if (result === undefined) {
      this.#returns += 1;
      return this.#hold(number, params, deadline);
    }
    if (result.kind === 'sent') this.#returns = 0;
    this.#releaseSoon();
    if (result.kind === 'failed') throw result.error;
    return result.answer;
  }

  /** undefined: moved. */
  async #answer(call: Promise<SendMessageResult>): Promise<Outcome | undefined> {
    try {
      return { kind: 'sent', answer: await call };
    } catch (error) {
      return isMoved(error) ? undefined : { kind: 'failed', error };
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
      if (this.#returns > 0) await this.#calls.finder.pause(this.#returns, latest);
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
