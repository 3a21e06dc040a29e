import type {
  GetChangesParams,
  GetChangesResult,
  GetMessagesParams,
  GetMessagesResult,
  SendMessageParams,
  SendMessageResult,
} from '../../src/protocol/calls.ts';
import type { CallName, ParamsOf, ResultOf } from '../../src/mailbox/mailbox-calls.ts';
import type { Profile } from '../../src/mailbox/mailbox-state.ts';
import { peerInDm, sideOf } from '../../src/protocol/conversation-id.ts';
import { epochMsOf } from '../../src/protocol/message-id.ts';
import type { Change, Message } from '../../src/protocol/message.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import type { ChangeListener, Elsewhere, MailboxDirectory, UserPort } from '../../src/router/mailbox-port.ts';
import type { Cancel } from '../../src/std/time.ts';
import { noGroup } from './group-parts.ts';

type Served = {
  readonly [Name in CallName]?: (params: ParamsOf<Name>) => Promise<ResultOf<Name>>;
};

const windowMs = 24 * 60 * 60 * 1000;

/** Mailboxes in memory that answer at once: as much of the real ones as the rooms above them can see. */
export class FakeMailboxes implements MailboxDirectory {
  readonly #mailboxes = new Map<string, FakeMailbox>();
  /** Users that another node serves, where a test says so. */
  readonly moved = new Map<string, Elsewhere>();
  /** Users whose devices were given a mailbox of theirs. */
  readonly clients = new Set<string>();
  readonly #moveListeners = new Set<() => void>();
  /** Commits kept in a feed; an older cursor gets `reset`. */
  feedMax = 100_000;

  mailbox(userId: string): FakeMailbox {
    const known = this.#mailboxes.get(userId);
    if (known !== undefined) return known;
    const mailbox = new FakeMailbox(userId, this);
    this.#mailboxes.set(userId, mailbox);
    return mailbox;
  }

  mailboxOfClient(userId: string): FakeMailbox {
    this.clients.add(userId);
    return this.mailbox(userId);
  }

  elsewhere(userId: string): Elsewhere | undefined {
    return this.moved.get(userId);
  }

  onMoves(listener: () => void): Cancel {
    this.#moveListeners.add(listener);
    return () => this.#moveListeners.delete(listener);
  }

  /** Another node owns the user from now on; undefined: this one. */
  move(userId: string, to: Elsewhere | undefined): void {
    if (to === undefined) this.moved.delete(userId);
    else this.moved.set(userId, to);
    for (const listener of this.#moveListeners) listener();
  }
}

export class FakeMailbox implements UserPort {
  readonly createGroup = noGroup;
  readonly callGroup = noGroup;
  readonly userId: string;
  readonly messages = new Map<string, Message[]>();
  /** Calls wait for this, where a test sets it. */
  gate: Promise<void> | undefined;
  /** Calls fail with this, where a test sets it. */
  failure: Error | undefined;
  /** The texts of sends, in the order in which they came in. */
  readonly received: string[] = [];
  /** All calls, in the order in which they were made. */
  readonly called: CallName[] = [];
  readonly #all: FakeMailboxes;
  #account: Profile | undefined;
  readonly #sent = new Map<string, SendMessageResult & { readonly text: string }>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #feed: Change[] = [];
  #forgotten = 0;
  readonly #calls: Served = {
    createAccount: (account) => this.#createAccount(account),
    account: async () => {
      await this.#turn();
      return this.#account === undefined ? {} : { profile: this.#account };
    },
    admission: async ({ issuedAt }) => {
      await this.#turn();
      const profile = this.#account;
      return profile === undefined
        ? { isGood: false }
        : { profile, isGood: issuedAt >= profile.tokensValidFrom };
    },
    noteDevice: () => Promise.resolve({}),
    sendMessage: (params) => this.#sendMessage(params),
    getMessages: (params) => this.#getMessages(params),
    getConversations: async () => {
      await this.#turn();
      return { conversations: [], hasMore: false, serverTime: 0 };
    },
    getChanges: (params) => this.#getChanges(params),
    markDelivered: async ({ seq }) => ({ seq, unread: 0 }),
    markRead: async ({ seq }) => {
      await this.#turn();
      return { seq, unread: 0 };
    },
  };

  constructor(userId: string, all: FakeMailboxes) {
    this.userId = userId;
    this.#all = all;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  async call<Name extends CallName>(name: Name, params: ParamsOf<Name>): Promise<ResultOf<Name>> {
    this.called.push(name);
    const served: Served[Name] = this.#calls[name];
    if (served === undefined) throw new Error(`the fake has no ${name}`);
    return served(params);
  }

  async #createAccount(account: Profile): Promise<object> {
    await this.#turn();
    if (this.#account !== undefined) throw new ProtocolError('conflict', 'exists');
    this.#account = account;
    return {};
  }

  /** Only ever in a test: revokes what was issued before `tokensValidFrom`. */
  amendAccount(change: Partial<Profile>): void {
    if (this.#account !== undefined) this.#account = { ...this.#account, ...change };
  }

  async #sendMessage(params: SendMessageParams): Promise<SendMessageResult> {
    this.received.push(params.text);
    await this.#turn();
    const { conversationId, messageId, text, after } = params;
    const known = this.#sent.get(messageId);
    if (known !== undefined) {
      if (known.text !== text || known.conversationId !== conversationId) {
        throw new ProtocolError('conflict', 'another content under this messageId');
      }
      const { text: _, ...result } = known;
      return { ...result, duplicate: true };
    }
    if (epochMsOf(messageId) < Date.now() - windowMs) throw new ProtocolError('stale_message_id', 'too old');
    if (after !== undefined && !this.#sent.has(after))
      throw new ProtocolError('out_of_order', 'not there yet');
    const peer = this.#all.mailbox(peerInDm(conversationId, this.userId) ?? '');
    if (peer.#account === undefined) throw new ProtocolError('not_found', 'no such user');
    const seq = 2 * (1 + Math.floor(this.#lastSeq(conversationId) / 2)) + sideOf(this.userId, peer.userId);
    const timestamp = Date.now();
    const result = { conversationId, messageId, seq, timestamp, duplicate: false };
    this.#sent.set(messageId, { ...result, text });
    const { after: _, ...rest } = params;
    const message: Message = { ...rest, seq, timestamp, from: this.userId };
    peer.append(message);
    this.append(message);
    return result;
  }

  append(message: Message): void {
    const of = this.messages.get(message.conversationId) ?? [];
    this.messages.set(message.conversationId, of);
    of.push(message);
    this.commit([message]);
  }

  /** One commit with these messages in the feed. */
  commit(messages: readonly Message[]): void {
    const previous = String(this.#feed.length);
    const changes = messages.map((message): Change => {
      const change: Change = { cursor: String(this.#feed.length + 1), kind: 'message', message };
      this.#feed.push(change);
      return change;
    });
    this.#forgotten = Math.max(this.#forgotten, this.#feed.length - this.#all.feedMax);
    const batch = { previous, head: String(this.#feed.length), changes, hasUnlisted: changes.length === 0 };
    for (const listener of [...this.#listeners]) listener(batch);
  }

  async #getMessages({
    conversationId,
    limit,
    offset = 0,
    before,
    after,
  }: GetMessagesParams): Promise<GetMessagesResult> {
    await this.#turn();
    const all = (this.messages.get(conversationId) ?? [])
      .filter(({ seq }) => seq < (before ?? Infinity) && seq > (after ?? 0))
      .toSorted((a, b) => (after === undefined ? b.seq - a.seq : a.seq - b.seq));
    return { messages: all.slice(offset, offset + limit), hasMore: all.length > offset + limit };
  }

  async #getChanges({ since, limit }: GetChangesParams): Promise<GetChangesResult> {
    const snapshot = this.#changes(since, limit);
    await this.#turn();
    return snapshot;
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changes(since: string | undefined, limit: number): GetChangesResult {
    const head = String(this.#feed.length);
    if (since === undefined) return { changes: [], cursor: head, hasMore: false };
    const from = /^\d+$/.test(since) ? Number(since) : NaN;
    if (!(from >= this.#forgotten && from <= this.#feed.length)) return { reset: true, cursor: head };
    const changes = this.#feed.slice(from, from + limit);
    return { changes, cursor: changes.at(-1)?.cursor ?? since, hasMore: from + limit < this.#feed.length };
  }

  #lastSeq(conversationId: string): number {
    return Math.max(0, ...(this.messages.get(conversationId) ?? []).slice(-1).map(({ seq }) => seq));
  }

  async #turn(): Promise<void> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
  }
}
