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
import type { ChangeListener } from '../actor/change-batch.ts';
import type { Cancel } from '../std/time.ts';

export type { ChangeBatch, ChangeListener } from '../actor/change-batch.ts';

/** What a user's row keeps for logging in. */
export interface Account {
  readonly name: string;
  readonly createdAt: number;
  /** Encoded password hash; empty where an external issuer vouches for the user. */
  readonly passwordHash: string;
  /** Tokens issued before this (epoch ms) are refused. */
  readonly tokensValidFrom: number;
}

/**
 * One user's mailbox, wherever it lives. Every call rejects with ProtocolError and nothing else;
 * `deadline` is absolute monotonic milliseconds.
 */
export interface MailboxPort {
  readonly userId: string;
  /** Rejects with `conflict` where the user exists. */
  createAccount(account: Account, deadline: number): Promise<void>;
  /** undefined: no such user. */
  account(deadline: number): Promise<Account | undefined>;
  sendMessage(params: SendMessageParams, deadline: number): Promise<SendMessageResult>;
  getMessages(params: GetMessagesParams, deadline: number): Promise<GetMessagesResult>;
  getConversations(params: GetConversationsParams, deadline: number): Promise<GetConversationsResult>;
  getChanges(params: GetChangesParams, deadline: number): Promise<GetChangesResult>;
  markRead(params: MarkParams, deadline: number): Promise<MarkReadResult>;
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
