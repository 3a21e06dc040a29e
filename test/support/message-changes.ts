import type { Message } from '../../src/protocol/message.ts';

/** An edit or a deletion that somebody tried, over all of its tries. */
export interface AttemptedChange {
  readonly kind: 'edit' | 'delete';
  /** Of the operation. */
  readonly messageId: string;
  readonly conversationId: string;
  readonly seq: number;
  readonly text: string;
  /** When it was done, as it was acknowledged. */
  at: number | undefined;
}

const deleted = Infinity;

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(what);
}

/** How far a message has changed: 0 as it was sent, then when it was edited, deleted at last. */
export function progressOf({ editedAt, deletedAt }: Message): number {
  return deletedAt === undefined ? (editedAt ?? 0) : deleted;
}

/** What was tried to be changed, and an independent idea of what may come of it: only on, never back (C2, C7). */
export class MessageChanges {
  readonly attempts: AttemptedChange[] = [];
  /** By user, conversation and seq: what was acknowledged there, or seen. */
  readonly #progress = new Map<string, number>();

  attempt(change: Omit<AttemptedChange, 'at'>): AttemptedChange {
    const attempted = { ...change, at: undefined };
    this.attempts.push(attempted);
    return attempted;
  }

  acknowledged(change: AttemptedChange, recipient: string, at: number): void {
    const { messageId, conversationId, seq, kind } = change;
    check(
      change.at === undefined || change.at === at,
      `G2: ${messageId} was done at ${String(change.at)} and ${at}`,
    );
    change.at = at;
    this.#note(recipient, conversationId, seq, kind === 'edit' ? at : deleted);
  }

  /** Is it allowed that this message has gone? */
  mayBeDeleted(conversationId: string, seq: number): boolean {
    return this.attempts.some(
      (other) => other.kind === 'delete' && other.conversationId === conversationId && other.seq === seq,
    );
  }

  /** What the next read of this user's mailbox has to show at least. */
  known(userId: string): ReadonlyMap<string, number> {
    return new Map([...this.#progress].filter(([key]) => key.startsWith(`${userId}/`)));
  }

  saw(userId: string, message: Message): void {
    const { conversationId, seq, text, editedAt, deletedAt, mediaRef } = message;
    const tried = this.attempts.filter(
      (other) => other.conversationId === conversationId && other.seq === seq,
    );
    if (deletedAt !== undefined) {
      check(this.mayBeDeleted(conversationId, seq), `${seq} of ${conversationId} was deleted by nobody`);
      check(text === '' && mediaRef === undefined, `a text of ${seq} in ${conversationId} is left`);
    } else if (editedAt !== undefined) {
      const isKnown = tried.some((other) => other.kind === 'edit' && other.text === text);
      check(isKnown, `${seq} of ${conversationId} has the text of nobody: ${text}`);
    }
    this.#note(userId, conversationId, seq, progressOf(message));
  }

  /** `known`: before the read was asked for. */
  checkRead(userId: string, message: Message, known: ReadonlyMap<string, number>): void {
    const least = known.get(`${userId}/${message.conversationId}/${message.seq}`) ?? 0;
    const got = progressOf(message);
    check(got >= least, `G7: ${message.seq} of ${message.conversationId} goes back from ${least} to ${got}`);
  }

  /** Everything that was acknowledged is in every copy. */
  checkFinal(userId: string, messages: readonly Message[]): void {
    for (const { conversationId, seq, at, kind } of this.attempts) {
      const message = messages.find((other) => other.conversationId === conversationId && other.seq === seq);
      if (at === undefined || message === undefined) continue;
      const least = kind === 'edit' ? at : deleted;
      check(progressOf(message) >= least, `G5: ${userId} lacks the ${kind} of ${seq} in ${conversationId}`);
    }
  }

  #note(userId: string, conversationId: string, seq: number, progress: number): void {
    const key = `${userId}/${conversationId}/${seq}`;
    this.#progress.set(key, Math.max(this.#progress.get(key) ?? 0, progress));
  }
}
