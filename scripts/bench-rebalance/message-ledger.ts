/** One message of the load: what its sender knows of it. Times are those of one monotonic clock, ms. */
export interface LedgerMessage {
  readonly messageId: string;
  /** Indexes of users. */
  readonly from: number;
  readonly to: number;
  /** When it should have left, whatever the cluster was doing. */
  readonly dueMs: number;
  ackedMs: number | undefined;
  /** As acknowledged. */
  seq: number | undefined;
  /** When the recipient's device was pushed it for the first time. */
  deliveredMs: number | undefined;
}

/** A message as it stands in a user's history. */
export interface StoredMessage {
  readonly messageId: string;
  readonly seq: number;
}

/** What the final history makes of the load; each message counts once. */
export interface Verdict {
  readonly lost: number;
  readonly doubled: number;
  /** The first of them, for people. */
  readonly details: readonly string[];
}

const detailsMax = 20;

/** What the clients of a run did and were told, to hold against what the store has in the end. */
export class MessageLedger {
  readonly messages = new Map<string, LedgerMessage>();
  /** Pushes of a message beyond the first one. */
  readonly #pushedAgain = new Set<string>();

  issue(messageId: string, from: number, to: number, dueMs: number): LedgerMessage {
    if (this.messages.has(messageId)) throw new Error(`the id ${messageId} was made twice`);
    const message = {
      messageId,
      from,
      to,
      dueMs,
      ackedMs: undefined,
      seq: undefined,
      deliveredMs: undefined,
    };
    this.messages.set(messageId, message);
    return message;
  }

  /** A device of `user` was pushed a message. */
  pushed(messageId: string, user: number, nowMs: number): void {
    const message = this.messages.get(messageId);
    if (message === undefined || message.to !== user) return;
    if (message.deliveredMs === undefined) message.deliveredMs = nowMs;
    else this.#pushedAgain.add(messageId);
  }

  /**
   * @param copies by user index: every message of their history
   * Lost: acknowledged, and not in both copies. Doubled: in a copy twice, at another seq than acknowledged, pushed
   * twice, or never sent.
   */
  verdict(copies: ReadonlyMap<number, readonly StoredMessage[]>): Verdict {
    const lost = new Set<string>();
    const doubled = new Set(this.#pushedAgain);
    const details = [...this.#pushedAgain].map((messageId) => `${messageId} was pushed twice`);
    const note = (set: Set<string>, messageId: string, what: string): void => {
      set.add(messageId);
      if (details.length < detailsMax) details.push(`${messageId} ${what}`);
    };
    const found = new Map<number, Set<string>>();
    for (const [user, stored] of copies) {
      const seen = new Set<string>();
      found.set(user, seen);
      for (const { messageId, seq } of stored) {
        const message = this.messages.get(messageId);
        if (message === undefined) note(doubled, messageId, `at user ${user} was sent by nobody`);
        else if (seen.has(messageId)) note(doubled, messageId, `is there twice at user ${user}`);
        else if (message.seq !== undefined && message.seq !== seq) {
          note(
            doubled,
            messageId,
            `was acknowledged as seq ${message.seq} and is seq ${seq} at user ${user}`,
          );
        }
        seen.add(messageId);
      }
    }
    for (const { messageId, from, to, seq } of this.messages.values()) {
      if (seq === undefined) continue;
      for (const user of [from, to]) {
        if (found.get(user)?.has(messageId) !== true) note(lost, messageId, `is not there at user ${user}`);
      }
    }
    return { lost: lost.size, doubled: doubled.size, details: details.slice(0, detailsMax) };
  }
}
