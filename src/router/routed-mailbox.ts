import type { ChangeListener } from '../actor/change-batch.ts';
import type {
  GetChangesParams,
  GetChangesResult,
  GetConversationsParams,
  GetConversationsResult,
  GetMessagesParams,
  GetMessagesResult,
  MarkParams,
  MarkReadResult,
  SendMessageParams,
  SendMessageResult,
} from '../protocol/calls.ts';
import type { Cancel } from '../std/time.ts';
import type { FeedRelay } from './feed-relay.ts';
import type { Account, MailboxPort } from './mailbox-port.ts';
import { OrderedSends } from './ordered-sends.ts';
import type { AnswerOf, OwnerCalls, ParamsOf } from './owner-calls.ts';
import type { PeerMethod } from './peer-ask.ts';

/** A user's mailbox, wherever the ring has put it; it may move between two calls. */
export class RoutedMailbox implements MailboxPort {
  readonly userId: string;
  readonly #calls: OwnerCalls;
  readonly #feeds: FeedRelay;
  readonly #sends: OrderedSends;

  constructor(userId: string, calls: OwnerCalls, feeds: FeedRelay) {
    this.userId = userId;
    this.#calls = calls;
    this.#feeds = feeds;
    this.#sends = new OrderedSends(userId, calls);
  }

  async createAccount(account: Account, deadline: number): Promise<void> {
    await this.#ask('createAccount', account, deadline);
  }

  async account(deadline: number): Promise<Account | undefined> {
    return (await this.#ask('account', null, deadline)) ?? undefined;
  }

  sendMessage(params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    return this.#sends.send(params, deadline);
  }

  getMessages(params: GetMessagesParams, deadline: number): Promise<GetMessagesResult> {
    return this.#ask('getMessages', params, deadline);
  }

  getConversations(params: GetConversationsParams, deadline: number): Promise<GetConversationsResult> {
    return this.#ask('getConversations', params, deadline);
  }

  getChanges(params: GetChangesParams, deadline: number): Promise<GetChangesResult> {
    return this.#ask('getChanges', params, deadline);
  }

  markRead(params: MarkParams, deadline: number): Promise<MarkReadResult> {
    return this.#ask('markRead', params, deadline);
  }

  subscribe(listener: ChangeListener): Cancel {
    return this.#feeds.subscribe(this.userId, listener);
  }

  #ask<M extends PeerMethod>(method: M, params: ParamsOf<M>, deadline: number): Promise<AnswerOf<M>> {
    return this.#calls.finder.ask(this.userId, deadline, (owner) =>
      this.#calls.call(owner, this.userId, method, params, deadline),
    );
  }
}
