import type { ChangeListener } from '../actor/change-batch.ts';
import type { GroupCallName, GroupParamsOf, GroupResultOf } from '../group/group-calls.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type { CreateGroupParams, CreateGroupResult } from '../protocol/calls.ts';
import type { Cancel } from '../std/time.ts';

export type { ChangeBatch, ChangeListener } from '../actor/change-batch.ts';

/** One user's mailbox, wherever it lives. */
export interface MailboxPort {
  readonly userId: string;
  /** Rejects with ProtocolError and nothing else; `deadline` is absolute monotonic milliseconds. */
  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>>;
  /** Hears of every later commit with changes, until the returned function is called. Survives eviction. */
  subscribe(listener: ChangeListener): () => void;
}

/** One user's mailbox, and the groups that the user asks, each wherever it lives. */
export interface UserPort extends MailboxPort {
  /** A call that the group of this id answers. Rejects as the calls of a mailbox do. */
  callGroup<Name extends GroupCallName>(
    groupId: string,
    name: Name,
    params: GroupParamsOf<Name>,
    deadline: number,
  ): Promise<GroupResultOf<Name>>;
  /** The same requestId makes the same group. */
  createGroup(params: CreateGroupParams, deadline: number): Promise<CreateGroupResult>;
}

/** The node that serves a user, where that is another one. */
export interface Elsewhere {
  readonly nodeId: string;
  /** Where clients reach it, `ws://…` or `wss://…`. */
  readonly url: string;
  /** Epoch of the ring view that says so. */
  readonly epoch: number;
}

/** Who serves a user: the local actors, or the node that owns the user. */
export interface MailboxDirectory {
  mailbox(userId: string): UserPort;
  /** The same for what devices of this user ask: a node that carries it out for another one takes it from their rate. */
  mailboxOfClient(userId: string): UserPort;
  /** Where the user is served; undefined: here. */
  elsewhere(userId: string): Elsewhere | undefined;
  /** Calls `listener` whenever users have moved from one node to another. */
  onMoves(listener: () => void): Cancel;
}
