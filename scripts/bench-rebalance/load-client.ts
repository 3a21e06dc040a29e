import type { LoadAccount } from '../../src/cli/bench/load-account.ts';
import { clientTime } from '../../src/client/client-time.ts';
import { CallError } from '../../src/client/call-error.ts';
import { MailringClient } from '../../src/client/mailring-client.ts';
import { MessageIdSource } from '../../src/client/message-id-source.ts';
import { openNodeSocket } from '../../src/client/node-socket.ts';
import { MailboxReader } from '../replay/mailbox-reader.ts';
import type { MessageLedger, StoredMessage } from './message-ledger.ts';

/** What a client was told that an application would have to know of, by kind. */
export type ErrorCounts = Map<string, number>;

export interface LoadClientParts {
  readonly account: LoadAccount;
  /** The one it writes to. */
  readonly partner: { readonly index: number; readonly userId: string };
  /** WebSocket addresses of all nodes. */
  readonly urls: readonly string[];
  readonly ledger: MessageLedger;
  readonly errors: ErrorCounts;
}

const deviceId = 'load';
const sendTimeoutMs = 120_000;
const openTimeoutMs = 60_000;
const pageLimit = 200;
const text = 'The quick brown fox jumps over the lazy dog, and so on. '.repeat(2).slice(0, 100);
/** As an application would set it that wants to be back soon. */
const limits = { reconnectFirstMs: 100, reconnectMaxMs: 2_000, sendTimeoutMs };

/** One user with the SDK on one device, who writes to one other. */
export class LoadClient {
  readonly index: number;
  readonly #parts: LoadClientParts;
  readonly #client: MailringClient;
  readonly #ids: MessageIdSource;
  /** Each node that served it, one after the other, and since when. */
  readonly homes: { readonly nodeId: string; readonly sinceMs: number }[] = [];
  #underWay = 0;

  constructor(parts: LoadClientParts) {
    const { account, urls, ledger } = parts;
    this.#parts = parts;
    this.index = account.index;
    this.#ids = new MessageIdSource(account.userId, deviceId, clientTime, Math.random);
    this.#client = new MailringClient({
      urls: [account.wsUrl, ...urls.filter((url) => url !== account.wsUrl)],
      ...{ token: account.token, deviceId, openSocket: openNodeSocket, limits },
      events: {
        changed: (change) => {
          if (change.kind === 'message')
            ledger.pushed(change.message.messageId, account.index, performance.now());
        },
        stateChanged: (state) => {
          if (state.kind === 'open') this.#opened(state.session.nodeId);
          if (state.kind === 'waiting' && !/^(4001|4000|moved)/.test(state.reason)) this.#count('connection');
        },
        retrying: (_method, _params, error) => {
          if (error.kind !== 'moved') this.#count(error.kind);
        },
      },
    });
  }

  /** Sends without an answer. */
  get underWay(): number {
    return this.#underWay;
  }

  async open(): Promise<void> {
    this.#client.open();
    await this.#client.call('getChanges', {}, openTimeoutMs);
  }

  /** Sends a message that was due at that time. */
  async send(dueMs: number): Promise<void> {
    const { ledger, partner } = this.#parts;
    const messageId = this.#ids.next();
    const message = ledger.issue(messageId, this.index, partner.index, dueMs);
    this.#underWay += 1;
    try {
      const { seq } = await this.#client.sendMessage({ to: partner.userId, text, messageId });
      message.ackedMs = performance.now();
      message.seq = seq;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#count(`gave up: ${error.kind}`);
    } finally {
      this.#underWay -= 1;
    }
  }

  /** All of its conversation, as the store has it. */
  async history(conversationId: string): Promise<StoredMessage[]> {
    return new MailboxReader(this.#client).messagesAfter(conversationId, pageLimit);
  }

  close(): void {
    this.#client.close();
  }

  #opened(nodeId: string): void {
    if (this.homes.at(-1)?.nodeId !== nodeId) this.homes.push({ nodeId, sinceMs: performance.now() });
  }

  #count(kind: string): void {
    this.#parts.errors.set(kind, (this.#parts.errors.get(kind) ?? 0) + 1);
  }
}
