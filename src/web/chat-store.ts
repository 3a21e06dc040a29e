import { Company } from '../client/company.ts';
import { CallError } from '../client/call-error.ts';
import type { CallErrorKind } from '../client/call-error.ts';
import { MailringClient } from '../client/mailring-client.ts';
import type { ClientState } from '../client/mailring-client.ts';
import { MessageIdSource } from '../client/message-id-source.ts';
import type { OpenSocket } from '../client/socket.ts';
import type { ListedDevice } from '../protocol/calls.ts';
import { dmIdOf, isGroupId } from '../protocol/conversation-id.ts';
import type { Change, Conversation, Message } from '../protocol/message.ts';
import type { Time } from '../std/time.ts';
import { ConversationBook } from './conversation-book.ts';
import { Deliveries } from './deliveries.ts';
import { GroupBook } from './group-book.ts';
import { Outbox } from './outbox.ts';
import type { OutboxEntry, TextStorage } from './outbox.ts';
import { Timeline } from './timeline.ts';

export interface ChatStoreOptions {
  readonly wsUrl: string;
  readonly userId: string;
  readonly token: string;
  readonly deviceId: string;
  readonly openSocket: OpenSocket;
  readonly storage: TextStorage;
  readonly time: Time;
  readonly random: () => number;
}

const pageLimit = 50;
const listLimit = 30;

/** Everything a chat window shows and does, without a window: one signed-in user. */
export class ChatStore {
  readonly userId: string;
  readonly deviceId: string;
  /** Who is there, and who writes. */
  readonly company: Company;
  readonly conversations = new ConversationBook();
  readonly groups: GroupBook;
  /** The conversation that is open, which need not exist yet. */
  openId: string | undefined;
  /** Why the last list or history could not be fetched. */
  problem: string | undefined;
  readonly #time: Time;
  readonly #client: MailringClient;
  readonly #ids: MessageIdSource;
  readonly #outbox: Outbox;
  readonly #deliveries: Deliveries;
  readonly #timelines = new Map<string, Timeline>();
  readonly #listeners = new Set<() => void>();
  #isFirstSession = true;
  #isListLoading = false;
  #markedSeq = 0;

  constructor({ wsUrl, userId, token, deviceId, openSocket, storage, time, random }: ChatStoreOptions) {
    this.userId = userId;
    this.deviceId = deviceId;
    this.#time = time;
    this.#outbox = new Outbox(storage);
    this.#client = new MailringClient({
      urls: [wsUrl],
      token,
      deviceId,
      openSocket,
      time,
      random,
      events: {
        changed: (change) => this.#takeChange(change),
        reset: () => this.#startOver(),
        stateChanged: (state) => this.#linkChanged(state),
        pushed: (method, params) => this.company.pushed(method, params),
      },
    });
    this.#ids = new MessageIdSource(userId, deviceId, this.#client.serverClock, random);
    this.company = new Company({ client: this.#client, time, changed: () => this.#changed() });
    this.groups = new GroupBook({
      client: this.#client,
      nextId: () => this.#ids.next(),
      changed: () => this.#changed(),
      failed: (error) => this.#failed(error),
    });
    this.#deliveries = new Deliveries(
      (mark) => this.#client.call('markDelivered', mark),
      (error) => this.#failed(error),
    );
  }

  /** Connects, and sends what an earlier page of this tab could not. */
  open(): void {
    this.#client.open();
    for (const entry of this.#outbox.entries) if (entry.status.kind !== 'failed') this.#transmit(entry);
  }

  close(): void {
    this.#listeners.clear();
    this.company.close();
    this.#client.close();
  }

  get link(): ClientState {
    return this.#client.state;
  }

  /** Tries to connect now rather than later. */
  hurry(): void {
    this.#client.hurry();
  }

  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  timeline(conversationId: string): Timeline {
    let timeline = this.#timelines.get(conversationId);
    if (timeline === undefined) {
      timeline = new Timeline();
      this.#timelines.set(conversationId, timeline);
    }
    return timeline;
  }

  /** Own messages of a conversation that have not come back yet. */
  outbox(conversationId: string): readonly OutboxEntry[] {
    return this.#outbox.of(conversationId);
  }

  select(conversationId: string | undefined): void {
    this.openId = conversationId;
    this.#markedSeq = 0;
    this.company.stopsWriting();
    if (conversationId !== undefined && !this.timeline(conversationId).isLoaded)
      this.loadOlder(conversationId);
    this.problem = undefined;
    if (conversationId !== undefined && isGroupId(conversationId)) this.groups.load(conversationId);
    this.#changed();
  }

  /** Makes a group and opens it. */
  startGroup(name: string, members: readonly string[]): void {
    this.groups.create(name, members).then(
      (conversationId) => this.select(conversationId),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Opens the conversation with a user, who is asked for only when something is sent. */
  startChat(peerId: string): void {
    this.select(dmIdOf(this.userId, peerId));
  }

  send(conversationId: string, text: string): void {
    this.company.stopsWriting();
    const entry: OutboxEntry = {
      messageId: this.#ids.next(),
      conversationId,
      text,
      writtenAt: this.#time.wallMs(),
      status: { kind: 'sending' },
    };
    this.#outbox.put(entry);
    this.#transmit(entry);
    this.#changed();
  }

  /** Sends a failed message again, with the same id. */
  retry(messageId: string): void {
    const entry = this.#outbox.get(messageId);
    if (entry === undefined) return;
    this.#outbox.setStatus(messageId, { kind: 'sending' });
    this.#transmit(entry);
    this.#changed();
  }

  discard(messageId: string): void {
    this.#outbox.remove(messageId);
    this.#changed();
  }

  /** Gives an own message another text. */
  edit({ conversationId, seq }: Message, text: string): void {
    const messageId = this.#ids.next();
    this.#client.call('editMessage', { conversationId, seq, text, messageId }).catch((error: unknown) => {
      this.#failed(error);
    });
  }

  /** Takes an own message back, for everyone. */
  remove({ conversationId, seq }: Message): void {
    const messageId = this.#ids.next();
    this.#client.call('deleteMessage', { conversationId, seq, messageId }).catch((error: unknown) => {
      this.#failed(error);
    });
  }

  /** The user's devices, as they are now. Rejects with CallError, as all of these. */
  async devices(): Promise<readonly ListedDevice[]> {
    return (await this.#client.call('getDevices', {})).devices;
  }

  async renameDevice(deviceId: string, name: string): Promise<readonly ListedDevice[]> {
    await this.#client.call('renameDevice', { deviceId, name });
    return this.devices();
  }

  async logOutDevice(deviceId: string): Promise<readonly ListedDevice[]> {
    await this.#client.call('logOutDevice', { deviceId });
    return this.devices();
  }

  /** Ends this session as well. */
  logOutEverywhere(): void {
    const before = this.#client.serverClock.wallMs();
    this.#client.call('revokeTokens', { before }).catch((error: unknown) => {
      this.#failed(error);
    });
  }

  /** The user has the open conversation before their eyes. */
  seen(conversationId: string): void {
    const conversation = this.conversations.get(conversationId);
    if (conversation === undefined || conversation.unread === 0) return;
    if (conversation.lastSeq <= this.#markedSeq) return;
    const seq = conversation.lastSeq;
    this.#markedSeq = seq;
    this.#client.call('markRead', { conversationId, seq }).then(
      (mark) => {
        this.conversations.markRead(conversationId, mark.seq, mark.unread);
        this.#changed();
      },
      (error: unknown) => {
        this.#markedSeq = 0; // The next look tries again.
        this.#failed(error);
      },
    );
  }

  /** Fetches the page before the oldest message that is here, or the newest one. */
  loadOlder(conversationId: string): void {
    const timeline = this.timeline(conversationId);
    if (timeline.isLoading || !timeline.hasOlder) return;
    timeline.isLoading = true;
    const before = timeline.isLoaded ? timeline.oldestSeq : undefined;
    const bound = before === undefined ? {} : { before };
    this.#client.call('getMessages', { conversationId, limit: pageLimit, ...bound }).then(
      ({ messages, hasMore }) => {
        timeline.isLoading = false;
        timeline.isLoaded = true;
        timeline.hasOlder = hasMore;
        this.#addMessages(timeline, messages);
        this.#changed();
      },
      (error: unknown) => {
        timeline.isLoading = false;
        if (error instanceof CallError && error.kind === 'not_found') {
          // Nobody has written yet.
          timeline.isLoaded = true;
          timeline.hasOlder = false;
          this.#changed();
        } else {
          this.#failed(error);
        }
      },
    );
  }

  loadMoreConversations(): void {
    this.#loadConversations(this.conversations.size);
  }

  #loadConversations(offset: number): void {
    if (this.#isListLoading) return;
    this.#isListLoading = true;
    this.#client.call('getConversations', { limit: listLimit, offset }).then(
      ({ conversations, hasMore }) => {
        this.#isListLoading = false;
        this.problem = undefined;
        if (offset > 0 || this.conversations.size <= conversations.length)
          this.conversations.hasMore = hasMore;
        this.conversations.add(conversations);
        for (const { conversationId, lastSeq, unread } of conversations) {
          if (unread > 0) this.#deliveries.arrived(conversationId, lastSeq);
        }
        this.#changed();
      },
      (error: unknown) => {
        this.#isListLoading = false;
        this.#failed(error);
      },
    );
  }

  #transmit({ messageId, conversationId, text }: OutboxEntry): void {
    this.#client.sendMessage({ conversationId, messageId, text }).then(
      () => {
        this.#outbox.setStatus(messageId, { kind: 'sent' });
        this.#changed();
      },
      (error: unknown) => {
        // Closing the page leaves the message in the outbox for the next one.
        if (error instanceof CallError && error.kind === 'closed' && error.retryable) return;
        this.#outbox.setStatus(messageId, { kind: 'failed', reason: reasonOf(error) });
        this.#changed();
      },
    );
  }

  #linkChanged(state: ClientState): void {
    if (state.kind === 'open' && this.#isFirstSession) {
      this.#isFirstSession = false;
      this.#loadConversations(0);
    }
    if (state.kind === 'open') this.company.sessionOpened();
    else this.company.sessionLost();
    this.#changed();
  }

  /** The feed has a gap: what is here may be old, so it is fetched anew. */
  #startOver(): void {
    this.#timelines.clear();
    this.conversations.clear();
    this.#loadConversations(0);
    if (this.openId !== undefined) this.groups.refresh(this.openId);
    if (this.openId !== undefined) this.loadOlder(this.openId);
  }

  #takeChange(change: Change): void {
    switch (change.kind) {
      case 'message': {
        const { message } = change;
        const timeline = this.timeline(message.conversationId);
        if (timeline.isLoaded) this.#addMessages(timeline, [message]);
        else this.#outbox.remove(message.messageId);
        if (!this.conversations.addMessage(message, this.userId)) this.#loadConversations(0);
        if (message.from !== this.userId) this.#deliveries.arrived(message.conversationId, message.seq);
        break;
      }
      case 'edited':
      case 'deleted':
        this.timeline(change.message.conversationId).replace(change.message);
        this.conversations.amendMessage(change.message);
        break;
      case 'receipt':
        if (isGroupId(change.conversationId)) this.groups.markReceipt(change.conversationId, change);
        else if (change.userId !== this.userId) {
          this.conversations.markReceipt(change.conversationId, change.deliveredSeq, change.readSeq);
        }
        break;
      case 'conversation':
        this.#takeConversation(change.conversation, change.left === true);
        break;
      case 'contact':
        break;
      case 'read':
        this.conversations.markRead(change.conversationId, change.readSeq, change.unread);
        break;
    }
    this.#changed();
  }

  #takeConversation(conversation: Conversation, isLeft: boolean): void {
    const { conversationId } = conversation;
    this.conversations.take(conversation, isLeft);
    if (!isLeft) return this.groups.refresh(conversationId);
    this.groups.forget(conversationId);
    this.#timelines.delete(conversationId);
    if (this.openId === conversationId) this.openId = undefined;
  }

  #addMessages(timeline: Timeline, messages: readonly Message[]): void {
    timeline.add(messages);
    for (const { messageId } of messages) this.#outbox.remove(messageId);
  }

  #failed(error: unknown): void {
    if (error instanceof CallError && error.kind === 'closed') return; // Signed out or stopped: shown as such.
    this.problem = reasonOf(error);
    this.#changed();
  }

  #changed(): void {
    const peers = this.conversations.list.flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
    this.company.watch(peers);
    for (const listener of this.#listeners) listener();
  }
}

const reasons: Partial<Record<CallErrorKind, string>> = {
  not_found: 'There is no such user.',
  forbidden: 'This person cannot be written to.',
  too_large: 'The message is too long.',
  stale_message_id: 'It has waited for too long; write it again.',
  timeout: 'No answer from the server.',
};

function reasonOf(error: unknown): string {
  return error instanceof CallError ? (reasons[error.kind] ?? error.message) : String(error);
}
