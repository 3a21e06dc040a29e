import { dmOf } from '../client/protocol-shapes.ts';
import type { History } from '../history.ts';
import { mayHaveHappened } from './outcome.ts';

/** Who may be in which group, and who can know whom. */
export class Circles {
  /** Everybody who was ever named as a member. */
  readonly #named = new Map<string, Set<string>>();
  readonly #foundedWith = new Map<string, number>();
  readonly #written = new Set<string>();
  readonly #acked = new Set<string>();
  readonly #smallMembersMax: number;

  constructor(history: History) {
    this.#smallMembersMax = history.smallMembersMax;
    for (const { userId, params, outcome } of history.callsOf('createGroup')) {
      const members = [userId, ...params.members];
      // Whose id nobody was told may be there all the same.
      if (outcome.kind !== 'ok') {
        if (mayHaveHappened(outcome)) this.#name(params.requestId, members);
        continue;
      }
      this.#name(outcome.result.conversationId, members);
      this.#foundedWith.set(outcome.result.conversationId, new Set(members).size);
    }
    for (const { params } of history.callsOf('addMembers')) this.#name(params.conversationId, params.members);
    for (const { params, outcome } of history.callsOf('sendMessage')) {
      this.#written.add(params.conversationId);
      if (outcome.kind === 'ok') this.#acked.add(params.conversationId);
    }
  }

  /** A group that may ever have had so many members that its messages are in no mailbox. */
  isMaybeLarge(conversationId: string): boolean {
    return (this.#named.get(conversationId)?.size ?? 0) > this.#smallMembersMax;
  }

  /** Whether this user may be in such a group. */
  hasMaybeLarge(userId: string): boolean {
    return [...this.#named].some(([id, members]) => members.has(userId) && this.isMaybeLarge(id));
  }

  /** A group that was so large from the beginning. */
  isLarge(conversationId: string): boolean {
    return (this.#foundedWith.get(conversationId) ?? 0) > this.#smallMembersMax;
  }

  isMaybeMember(userId: string, conversationId: string): boolean {
    return this.#named.get(conversationId)?.has(userId) === true;
  }

  /** Whether two share a conversation: surely, by what they wrote to each other; perhaps; surely not. */
  share(one: string, other: string): 'yes' | 'perhaps' | 'no' {
    const dm = dmOf(one, other);
    if (this.#acked.has(dm)) return 'yes';
    const isTogether = [...this.#named.values()].some((members) => members.has(one) && members.has(other));
    return isTogether || this.#written.has(dm) ? 'perhaps' : 'no';
  }

  #name(conversationId: string, members: readonly string[]): void {
    const named = this.#named.get(conversationId) ?? new Set();
    this.#named.set(conversationId, named);
    for (const member of members) named.add(member);
  }
}
