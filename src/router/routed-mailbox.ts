import type { ChangeListener } from '../actor/change-batch.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type { SendMessageParams } from '../protocol/calls.ts';
import type { Cancel } from '../std/time.ts';
import type { FeedRelay } from './feed-relay.ts';
import type { MailboxPort } from './mailbox-port.ts';
import { OrderedSends } from './ordered-sends.ts';
import type { OwnerCalls } from './owner-calls.ts';

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

  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>> {
    if (name === 'sendMessage') {
      return this.#sends.send(params as SendMessageParams, deadline);
    }
    return this.#calls.finder.ask(this.userId, deadline, (owner) =>
      this.#calls.call(owner, this.userId, name, params, deadline),
    );
  }

  subscribe(listener: ChangeListener): Cancel {
    return this.#feeds.subscribe(this.userId, listener);
  }
}
