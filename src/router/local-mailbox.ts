import type { ChangeListener } from '../actor/change-batch.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
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
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Account, MailboxPort } from './mailbox-port.ts';

function unexpected(kind: string): ProtocolError {
  return new ProtocolError('internal', `unexpected answer ${kind}`);
}

/**
 * A mailbox on this node. Looks it up at every call: between two calls it may leave memory. Besides the errors of
 * the port a call rejects with `moved`, and has changed nothing, where this node turns out not to own the user.
 */
export class LocalMailbox implements MailboxPort {
  readonly userId: string;
  readonly #registry: EntityRegistry;

  constructor(userId: string, registry: EntityRegistry) {
    this.userId = userId;
    this.#registry = registry;
  }

  async createAccount(account: Account, deadline: number): Promise<void> {
    const mailbox = this.#registry.mailbox(this.userId);
    await mailbox.submit({ kind: 'createAccount', profile: account }, deadline);
  }

  async account(deadline: number): Promise<Account | undefined> {
    const answer = await this.#registry.mailbox(this.userId).query({ kind: 'profile' }, deadline);
    if (answer.kind !== 'profile') throw unexpected(answer.kind);
    return answer.profile;
  }

  sendMessage(params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    return this.#registry.mailbox(this.userId).send(params, deadline);
  }

  async getMessages(params: GetMessagesParams, deadline: number): Promise<GetMessagesResult> {
    const answer = await this.#registry.mailbox(this.userId).query({ kind: 'messages', params }, deadline);
    if (answer.kind !== 'page') throw unexpected(answer.kind);
    return answer.page;
  }

  async getConversations(params: GetConversationsParams, deadline: number): Promise<GetConversationsResult> {
    const query = { kind: 'conversations', params } as const;
    const answer = await this.#registry.mailbox(this.userId).query(query, deadline);
    if (answer.kind !== 'list') throw unexpected(answer.kind);
    return answer.list;
  }

  async getChanges(params: GetChangesParams, deadline: number): Promise<GetChangesResult> {
    const answer = await this.#registry.mailbox(this.userId).query({ kind: 'changes', params }, deadline);
    if (answer.kind !== 'changes') throw unexpected(answer.kind);
    return answer.changes;
  }

  async markRead(params: MarkParams, deadline: number): Promise<MarkReadResult> {
    const result = await this.#registry.mailbox(this.userId).submit({ kind: 'markRead', params }, deadline);
    if (result.kind !== 'marked') throw unexpected(result.kind);
    return result.mark;
  }

  subscribe(listener: ChangeListener): () => void {
    return this.#registry.subscribe(this.userId, listener);
  }
}
