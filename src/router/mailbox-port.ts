import type { ChangeListener } from '../actor/change-batch.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type { Cancel } from '../std/time.ts';

export type { ChangeBatch, ChangeListener } from '../actor/change-batch.ts';
export type { Profile } from '../mailbox/mailbox-state.ts';

/** One user's mailbox, wherever it lives. */
export interface MailboxPort {
  readonly userId: string;
  /** Rejects with ProtocolError and nothing else; `deadline` is absolute monotonic milliseconds. */
  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>>;
  /** Hears of every later commit with changes, until the returned function is called. Survives eviction. */
  subscribe(listener: ChangeListener): () => void;
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
  mailbox(userId: string): MailboxPort;
  /** Where the user is served; undefined: here. */
  elsewhere(userId: string): Elsewhere | undefined;
  /** Calls `listener` whenever users have moved from one node to another. */
  onMoves(listener: () => void): Cancel;
}
