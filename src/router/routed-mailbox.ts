import type { ChangeListener } from '../actor/change-batch.ts';
import type { GroupCallName, GroupParamsOf, GroupResultOf } from '../group/group-calls.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type {
  CreateGroupParams,
  CreateGroupResult,
  SendMessageParams,
  SendMessageResult,
} from '../protocol/calls.ts';
import type { Cancel } from '../std/time.ts';
import type { FeedRelay } from './feed-relay.ts';
import { groupIdOf } from './group-id.ts';
import type { UserPort } from './mailbox-port.ts';
import { OrderedSends, type SendTarget } from './ordered-sends.ts';
import type { OwnerCalls } from './owner-calls.ts';

/** A user's mailbox, wherever the ring has put it; it may move between two calls. */
export class RoutedMailbox implements UserPort {
  readonly userId: string;
  readonly #isCharged: boolean;
  readonly #calls: OwnerCalls;
  readonly #feeds: FeedRelay;
  readonly #sends: OrderedSends;
  /** Of groups to which something is being sent. */
  readonly #groupSends = new Map<string, OrderedSends>();

  /** @param isCharged it is for what the user's devices ask */
  constructor(userId: string, isCharged: boolean, calls: OwnerCalls, feeds: FeedRelay) {
    this.userId = userId;
    this.#isCharged = isCharged;
    this.#calls = calls;
    this.#feeds = feeds;
    const call: SendTarget['call'] = (owner, params, deadline) =>
      calls.call(owner, userId, 'sendMessage', { params, isCharged }, deadline);
    this.#sends = new OrderedSends({ entityId: userId, call }, calls.finder);
  }

  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>> {
    if (name === 'sendMessage') {
      return this.#sends.send(params as SendMessageParams, deadline);
    }
    return this.#calls.finder.ask(this.userId, deadline, (owner) =>
      this.#calls.call(owner, this.userId, name, { params, isCharged: this.#isCharged }, deadline),
    );
  }

  callGroup<Name extends GroupCallName>(
    groupId: string,
    name: Name,
    params: GroupParamsOf<Name>,
    deadline: number,
  ): Promise<GroupResultOf<Name>> {
    if (name === 'sendMessage') return this.#sendToGroup(groupId, params as SendMessageParams, deadline);
    const asked = { from: this.userId, params, isCharged: this.#isCharged };
    return this.#calls.finder.ask(groupId, deadline, (owner) =>
      this.#calls.callGroup(owner, groupId, name, asked, deadline),
    );
  }

  createGroup(params: CreateGroupParams, deadline: number): Promise<CreateGroupResult> {
    return this.callGroup(groupIdOf(this.userId, params.requestId), 'createGroup', params, deadline);
  }

  subscribe(listener: ChangeListener): Cancel {
    return this.#feeds.subscribe(this.userId, listener);
  }

  async #sendToGroup(
    groupId: string,
    params: SendMessageParams,
    deadline: number,
  ): Promise<SendMessageResult> {
    const sends = this.#groupSends.get(groupId) ?? this.#newGroupSends(groupId);
    this.#groupSends.set(groupId, sends);
    try {
      return await sends.send(params, deadline);
    } finally {
      if (sends.isIdle && this.#groupSends.get(groupId) === sends) this.#groupSends.delete(groupId);
    }
  }

  #newGroupSends(groupId: string): OrderedSends {
    const user = { from: this.userId, isCharged: this.#isCharged };
    const call: SendTarget['call'] = (owner, params, deadline) =>
      this.#calls.callGroup(owner, groupId, 'sendMessage', { ...user, params }, deadline);
    return new OrderedSends({ entityId: groupId, call }, this.#calls.finder);
  }
}
