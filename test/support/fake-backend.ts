import type { Change, Conversation, Message } from '../../src/protocol/message.ts';
import { dmIdOf, peerInDm, sideOf } from '../../src/protocol/conversation-id.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';

export type Params = Readonly<Record<string, unknown>>;

interface FakeConversation {
  readonly messages: Message[];
  deliveredSeq: number;
  readSeq: number;
}

export interface FakeUser {
  readonly userId: string;
  readonly name: string;
  readonly password: string;
  readonly feed: Change[];
  readonly conversations: Map<string, FakeConversation>;
}

const text = (params: Params, name: string): string => {
  const value = params[name];
  if (typeof value !== 'string')
    throw new ProtocolError('invalid_params', `${name}: text expected`, { path: name });
  return value;
};
const count = (params: Params, name: string, fallback: number): number => {
  const value = params[name];
  return typeof value === 'number' ? value : fallback;
};

/**
 * The dm part of the client protocol in memory, without durability or checks of rights: for tests of clients.
 * It outlives a `FakeServer`, so that a test can restart one on the same data.
 */
export class FakeBackend {
  readonly users = new Map<string, FakeUser>();
  /** Called for each change that is appended to a user's feed. */
  onChange: (userId: string, change: Change) => void = () => undefined;
  #clock = 0;
  #stamp = 0;

  addUser(userId: string, name: string, password: string): FakeUser {
    if (this.users.has(userId)) throw new ProtocolError('conflict', 'user exists');
    const user = { userId, name, password, feed: [], conversations: new Map<string, FakeConversation>() };
    this.users.set(userId, user);
    return user;
  }

  user(userId: string): FakeUser {
    const user = this.users.get(userId);
    if (user === undefined) throw new ProtocolError('not_found', `no user ${userId}`);
    return user;
  }

  /** Answers one call of an open session. Throws ProtocolError. */
  answer(userId: string, method: string, params: Params): object {
    const user = this.user(userId);
    switch (method) {
      case 'sendMessage':
        return this.#send(user, params);
      case 'getMessages':
        return this.#messages(user, params);
      case 'getConversations':
        return this.#conversations(user, params);
      case 'getChanges':
        return this.changes(user, params);
      case 'markDelivered':
        return this.#markDelivered(user, params);
      case 'markRead':
        return this.#markRead(user, params);
      default:
        throw new ProtocolError('method_not_found', method);
    }
  }

  changes(user: FakeUser, params: Params): object {
    const head = String(user.feed.length);
    if (params['since'] === undefined) return { changes: [], cursor: head, hasMore: false };
    const from = Number(text(params, 'since'));
    if (!(from <= user.feed.length)) return { reset: true, cursor: head };
    const changes = user.feed.slice(from, from + count(params, 'limit', 500));
    const end = from + changes.length;
    return { changes, cursor: String(end), hasMore: end < user.feed.length };
  }

  /** Times that never stand still, so that ties cannot hide an error. */
  #now(): number {
    this.#clock = Math.max(this.#clock + 1, Date.now());
    return this.#clock;
  }

  #conversation(user: FakeUser, conversationId: string): FakeConversation {
    let conversation = user.conversations.get(conversationId);
    if (conversation === undefined) {
      conversation = { messages: [], deliveredSeq: 0, readSeq: 0 };
      user.conversations.set(conversationId, conversation);
    }
    return conversation;
  }

  #known(user: FakeUser, conversationId: string): FakeConversation {
    const conversation = user.conversations.get(conversationId);
    if (conversation === undefined) throw new ProtocolError('not_found', 'no such conversation');
    return conversation;
  }

  #append(
    user: FakeUser,
    change:
      | { kind: 'message'; message: Message }
      | { kind: 'read'; conversationId: string; readSeq: number; unread: number }
      | { kind: 'receipt'; conversationId: string; userId: string; deliveredSeq: number; readSeq: number },
  ): void {
    const withCursor: Change = { cursor: String(user.feed.length + 1), ...change };
    user.feed.push(withCursor);
    this.onChange(user.userId, withCursor);
  }

  #send(user: FakeUser, params: Params): object {
    const conversationId =
      params['to'] === undefined ? text(params, 'conversationId') : dmIdOf(user.userId, text(params, 'to'));
    const messageId = text(params, 'messageId');
    const peer = this.user(peerInDm(conversationId, user.userId) ?? '');
    const own = this.#conversation(user, conversationId);
    const known = own.messages.find((message) => message.messageId === messageId);
    if (known !== undefined) {
      if (known.text !== params['text']) throw new ProtocolError('conflict', 'another text with this id');
      return { conversationId, messageId, seq: known.seq, timestamp: known.timestamp, duplicate: true };
    }
    const message: Message = {
      conversationId,
      seq: 2 * ++this.#stamp + sideOf(user.userId, peer.userId),
      messageId,
      from: user.userId,
      text: text(params, 'text'),
      timestamp: this.#now(),
      ...(typeof params['replyTo'] === 'number' ? { replyTo: params['replyTo'] } : {}),
    };
    for (const member of [peer, user]) {
      this.#conversation(member, conversationId).messages.push(message);
      this.#append(member, { kind: 'message', message });
    }
    return { conversationId, messageId, seq: message.seq, timestamp: message.timestamp, duplicate: false };
  }

  #messages(user: FakeUser, params: Params): object {
    const { messages } = this.#known(user, text(params, 'conversationId'));
    const limit = count(params, 'limit', 50);
    const after = params['after'];
    if (typeof after === 'number') {
      const later = messages.filter((message) => message.seq > after);
      return { messages: later.slice(0, limit), hasMore: later.length > limit };
    }
    const before = count(params, 'before', Infinity);
    const older = messages.filter((message) => message.seq < before).reverse();
    const offset = count(params, 'offset', 0);
    return { messages: older.slice(offset, offset + limit), hasMore: older.length > offset + limit };
  }

  #unread(user: FakeUser, { messages, readSeq }: FakeConversation): number {
    return messages.filter((message) => message.from !== user.userId && message.seq > readSeq).length;
  }

  #conversations(user: FakeUser, params: Params): object {
    const all: Conversation[] = [];
    for (const [conversationId, conversation] of user.conversations) {
      const last = conversation.messages.at(-1);
      if (last === undefined) continue;
      const peer = this.user(peerInDm(conversationId, user.userId) ?? '');
      all.push({
        conversationId,
        type: 'dm',
        name: peer.name,
        peer: peer.userId,
        lastSeq: last.seq,
        lastTimestamp: last.timestamp,
        updatedAt: last.timestamp,
        snippet: last.text.slice(0, 100),
        lastFrom: last.from,
        unread: this.#unread(user, conversation),
        readSeq: conversation.readSeq,
      });
    }
    all.sort((one, other) => other.lastTimestamp - one.lastTimestamp);
    const offset = count(params, 'offset', 0);
    const limit = count(params, 'limit', 30);
    return {
      conversations: all.slice(offset, offset + limit),
      hasMore: all.length > offset + limit,
      serverTime: this.#clock,
    };
  }

  #markDelivered(user: FakeUser, params: Params): object {
    const { conversationId, conversation, seq } = this.#marked(user, params);
    this.#deliver(user, conversationId, conversation, seq);
    return { seq: conversation.deliveredSeq, unread: this.#unread(user, conversation) };
  }

  #markRead(user: FakeUser, params: Params): object {
    const { conversationId, conversation, seq } = this.#marked(user, params);
    if (seq > conversation.readSeq) {
      conversation.readSeq = seq;
      const unread = this.#unread(user, conversation);
      this.#append(user, { kind: 'read', conversationId, readSeq: seq, unread });
      this.#deliver(user, conversationId, conversation, seq);
    }
    return { seq: conversation.readSeq, unread: this.#unread(user, conversation) };
  }

  #marked(user: FakeUser, params: Params) {
    const conversationId = text(params, 'conversationId');
    const conversation = this.#known(user, conversationId);
    const seq = Math.min(conversation.messages.at(-1)?.seq ?? 0, count(params, 'seq', 0));
    return { conversationId, conversation, seq };
  }

  #deliver(user: FakeUser, conversationId: string, conversation: FakeConversation, seq: number): void {
    const { userId } = user;
    const isNews = seq > conversation.deliveredSeq || conversation.readSeq === seq;
    conversation.deliveredSeq = Math.max(conversation.deliveredSeq, seq);
    const { deliveredSeq, readSeq } = conversation;
    const peer = this.user(peerInDm(conversationId, userId) ?? '');
    if (isNews) this.#append(peer, { kind: 'receipt', conversationId, userId, deliveredSeq, readSeq });
  }
}
