import type { Conversation, Message } from '../protocol/message.ts';

const snippetChars = 120;

/** The user's conversation list as far as it is on this device, kept right by the change feed. */
export class ConversationBook {
  readonly #byId = new Map<string, Conversation>();
  /** Whether the server has more, less recent ones. */
  hasMore = false;

  /** Most recent first. */
  get list(): readonly Conversation[] {
    return [...this.#byId.values()].sort((one, other) => other.lastTimestamp - one.lastTimestamp);
  }

  get size(): number {
    return this.#byId.size;
  }

  get unread(): number {
    let sum = 0;
    for (const { unread } of this.#byId.values()) sum += unread;
    return sum;
  }

  get(conversationId: string): Conversation | undefined {
    return this.#byId.get(conversationId);
  }

  /** Forgets everything, when the feed no longer reaches back to what is here. */
  clear(): void {
    this.#byId.clear();
  }

  /** Takes entries of a list from the server; one that a later change has already gone beyond stays as it is. */
  add(conversations: readonly Conversation[]): void {
    for (const conversation of conversations) {
      const known = this.#byId.get(conversation.conversationId);
      const isOlder =
        known !== undefined && (known.lastSeq > conversation.lastSeq || known.readSeq > conversation.readSeq);
      if (!isOlder) this.#byId.set(conversation.conversationId, conversation);
    }
  }

  /** Takes an entry of the feed: of a group that is new, or another now, or that the user has left. */
  take(conversation: Conversation, isLeft: boolean): void {
    if (isLeft) this.#byId.delete(conversation.conversationId);
    else this.add([conversation]);
  }

  /** Takes a message of the feed; false where its conversation is not known here and has to be fetched. */
  addMessage(message: Message, ownId: string): boolean {
    const known = this.#byId.get(message.conversationId);
    if (known === undefined) return false;
    // A message from others always comes above all that is there, so one at or below the last was counted before.
    if (message.seq <= known.lastSeq) return true;
    this.#byId.set(message.conversationId, {
      ...known,
      lastSeq: message.seq,
      lastTimestamp: message.timestamp,
      updatedAt: Math.max(known.updatedAt, message.timestamp),
      snippet: message.text.slice(0, snippetChars),
      lastFrom: message.from,
      unread: message.from === ownId ? known.unread : known.unread + 1,
    });
    return true;
  }

  /** A message is another than it was: where it is the last one, the list shows it. */
  amendMessage(message: Message): void {
    const known = this.#byId.get(message.conversationId);
    if (known?.lastSeq !== message.seq) return;
    this.#byId.set(message.conversationId, { ...known, snippet: message.text.slice(0, snippetChars) });
  }

  /** Takes a read mark; marks never move back, and one that is known says nothing about later messages. */
  markRead(conversationId: string, readSeq: number, unread: number): void {
    const known = this.#byId.get(conversationId);
    if (known === undefined || readSeq <= known.readSeq) return;
    this.#byId.set(conversationId, { ...known, readSeq, unread });
  }

  /** Takes how far the other side has got; that never moves back either. */
  markReceipt(conversationId: string, deliveredSeq: number, readSeq: number): void {
    const known = this.#byId.get(conversationId);
    if (known === undefined) return;
    this.#byId.set(conversationId, {
      ...known,
      peerDeliveredSeq: Math.max(known.peerDeliveredSeq ?? 0, deliveredSeq),
      peerReadSeq: Math.max(known.peerReadSeq ?? 0, readSeq),
    });
  }
}
