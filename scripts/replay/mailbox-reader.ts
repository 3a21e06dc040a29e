import type { MailringClient } from '../../src/client/mailring-client.ts';
import type { Change, Conversation, Message } from '../../src/protocol/message.ts';

/** What `getChanges` gave from a cursor on, and where that ends. */
export interface ChangeList {
  readonly kind: 'changes';
  readonly changes: readonly Change[];
  readonly cursor: string;
}

/** Guards against a server that says `hasMore` for ever. */
const pagesMax = 10_000;

/** Reads one user's mailbox to the end, in each way the protocol has. Rejects with CallError, or Error where paging does not end. */
export class MailboxReader {
  readonly #client: MailringClient;

  constructor(client: MailringClient) {
    this.#client = client;
  }

  /** Oldest first, as everything here. */
  async messagesByOffset(conversationId: string, limit: number): Promise<Message[]> {
    const newestFirst = await this.#pages(async (offset) => {
      const { messages, hasMore } = await this.#client.call('getMessages', { conversationId, limit, offset });
      return { items: messages, hasMore };
    });
    return newestFirst.reverse();
  }

  async messagesBefore(conversationId: string, limit: number): Promise<Message[]> {
    let before: number | undefined;
    const newestFirst = await this.#pages(async () => {
      const bound = before === undefined ? {} : { before };
      const { messages, hasMore } = await this.#client.call('getMessages', {
        conversationId,
        limit,
        ...bound,
      });
      before = messages.at(-1)?.seq ?? before;
      return { items: messages, hasMore };
    });
    return newestFirst.reverse();
  }

  messagesAfter(conversationId: string, limit: number): Promise<Message[]> {
    let after = 0;
    return this.#pages(async () => {
      const { messages, hasMore } = await this.#client.call('getMessages', { conversationId, limit, after });
      after = messages.at(-1)?.seq ?? after;
      return { items: messages, hasMore };
    });
  }

  /** Most recent first. */
  conversations(limit: number): Promise<Conversation[]> {
    return this.#pages(async (offset) => {
      const { conversations, hasMore } = await this.#client.call('getConversations', { limit, offset });
      return { items: conversations, hasMore };
    });
  }

  /** `reset` where the feed no longer reaches back to that cursor. */
  async changes(since: string, limit: number): Promise<ChangeList | { readonly kind: 'reset' }> {
    let cursor = since;
    const changes: Change[] = [];
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await this.#client.call('getChanges', { since: cursor, limit });
      if ('reset' in page) return { kind: 'reset' };
      changes.push(...page.changes);
      cursor = page.cursor;
      if (!page.hasMore) return { kind: 'changes', changes, cursor };
    }
    throw new Error(`more than ${pagesMax} pages of changes`);
  }

  async #pages<Item>(
    read: (offset: number) => Promise<{ items: readonly Item[]; hasMore: boolean }>,
  ): Promise<Item[]> {
    const all: Item[] = [];
    for (let page = 0; page < pagesMax; page++) {
      const { items, hasMore } = await read(all.length);
      all.push(...items);
      if (!hasMore) return all;
      if (items.length === 0) throw new Error('hasMore on an empty page');
    }
    throw new Error(`more than ${pagesMax} pages`);
  }
}
