import type { SendMessageResult } from '../../src/protocol/calls.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';

/** One message of the replay: what was sent, and what the server said about it. */
export interface SentMessage {
  readonly conversationId: string;
  readonly messageId: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly replyTo: number | undefined;
  /** Place in the order of all sends and acknowledgements of the run. */
  readonly issuedAt: number;
  acknowledgedAt: number;
  /** The first acknowledgement; undefined while there is none. */
  reply: SendMessageResult | undefined;
  /** Acknowledgements that did not say `duplicate`. */
  originals: number;
  /** Not bound to the order of its connection: it also went over a second one. */
  isUnordered: boolean;
  /**
   * Later ones of its connection may come before it: it was refused for now, or the connection broke before its
   * answer was heard, which can have been such a refusal. It may not come before earlier ones.
   */
  mayBeLate: boolean;
}

/** What the replay knows of the world by itself, to hold against what the server says. */
export class ChatRecord {
  readonly messages = new Map<string, SentMessage>();
  readonly conversations = new Map<string, SentMessage[]>();
  /** By sender: what has not been acknowledged. */
  readonly #unanswered = new Map<string, Set<SentMessage>>();
  /** By user and conversation: the greatest read mark that the server confirmed. */
  readonly #readSeqs = new Map<string, number>();
  #ticks = 0;
  acked = 0;

  issue(message: {
    messageId: string;
    from: string;
    to: string;
    text: string;
    replyTo: number | undefined;
  }): SentMessage {
    const conversationId = dmIdOf(message.from, message.to);
    const sent: SentMessage = {
      ...message,
      conversationId,
      issuedAt: ++this.#ticks,
      acknowledgedAt: Infinity,
      reply: undefined,
      originals: 0,
      isUnordered: false,
      mayBeLate: false,
    };
    this.messages.set(sent.messageId, sent);
    const conversation = this.conversations.get(conversationId);
    if (conversation === undefined) this.conversations.set(conversationId, [sent]);
    else conversation.push(sent);
    const unanswered = this.#unanswered.get(sent.from);
    if (unanswered === undefined) this.#unanswered.set(sent.from, new Set([sent]));
    else unanswered.add(sent);
    return sent;
  }

  /** Takes note of an acknowledgement; a text says in what it contradicts an earlier one. */
  acknowledge(sent: SentMessage, reply: SendMessageResult): string | undefined {
    if (!reply.duplicate) sent.originals++;
    if (sent.originals > 1) return `${sent.messageId} was accepted as new ${sent.originals} times`;
    const first = sent.reply;
    if (first === undefined) {
      sent.reply = reply;
      this.#unanswered.get(sent.from)?.delete(sent);
      sent.acknowledgedAt = ++this.#ticks;
      this.acked++;
      const { conversationId, messageId } = reply;
      if (conversationId === sent.conversationId && messageId === sent.messageId) return undefined;
      return `${sent.messageId} was acknowledged as ${messageId} in ${conversationId}`;
    }
    if (first.seq === reply.seq && first.timestamp === reply.timestamp) return undefined;
    return `${sent.messageId} was acknowledged as seq ${first.seq} at ${first.timestamp}, then as seq ${reply.seq} at ${reply.timestamp}`;
  }

  /** A connection of `userId` broke: nobody heard what became of what was not acknowledged. */
  noteBreak(userId: string): void {
    for (const sent of this.#unanswered.get(userId) ?? []) sent.mayBeLate = true;
  }

  confirmRead(userId: string, conversationId: string, seq: number): void {
    this.#readSeqs.set(`${userId} ${conversationId}`, Math.max(seq, this.readSeq(userId, conversationId)));
  }

  readSeq(userId: string, conversationId: string): number {
    return this.#readSeqs.get(`${userId} ${conversationId}`) ?? 0;
  }

  conversationsOf(userId: string): string[] {
    const ids: string[] = [];
    for (const [conversationId, [first]] of this.conversations) {
      if (first !== undefined && (first.from === userId || first.to === userId)) ids.push(conversationId);
    }
    return ids;
  }
}
