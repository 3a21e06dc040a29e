import { clientTime } from '../../src/client/client-time.ts';
import { MailringClient } from '../../src/client/mailring-client.ts';
import { MessageIdSource } from '../../src/client/message-id-source.ts';
import { openNodeSocket } from '../../src/client/node-socket.ts';
import type { LoadAccount } from '../../src/cli/bench/load-account.ts';
import type { Change } from '../../src/protocol/message.ts';

const deviceId = 'replay';
const openTimeoutMs = 60_000;

const limits = { reconnectFirstMs: 20, reconnectMaxMs: 2_000, sendTimeoutMs: 180_000, callTimeoutMs: 60_000 };

/** One user of the replay with one device: a first connection that hears the feed, a second one when needed. */
export class ReplayUser {
  readonly userId: string;
  readonly client: MailringClient;
  readonly ids: MessageIdSource;
  /** What the first connection was pushed, over all its reconnects. */
  readonly heard: Change[] = [];
  /** The feed's position before the first message. */
  firstCursor = '';
  wasReset = false;
  /** Called when the server refused a send for now and it will be made again. */
  onRetry: (messageId: string) => void = () => undefined;
  /** Called when a session of the first connection ended, before what it left unanswered is made again. */
  onBreak: () => void = () => undefined;
  readonly #account: LoadAccount;
  readonly #urls: readonly [string, ...string[]];
  #second: MailringClient | undefined;

  /** `urls`: of all nodes, for when the user's own is away. */
  constructor(account: LoadAccount, urls: readonly string[], random: () => number) {
    this.userId = account.userId;
    this.#account = account;
    this.#urls = [account.wsUrl, ...urls.filter((url) => url !== account.wsUrl)];
    this.ids = new MessageIdSource(account.userId, deviceId, clientTime, random);
    this.client = this.#connect();
  }

  /** Resolves when the session is open. Rejects with Error. */
  async open(): Promise<void> {
    this.client.open();
    const { cursor } = await this.client.call('getChanges', {}, openTimeoutMs);
    this.firstCursor = cursor;
  }

  /** Another connection of the same device. */
  get secondClient(): MailringClient {
    if (this.#second === undefined) {
      this.#second = this.#connect();
      this.#second.open();
    }
    return this.#second;
  }

  close(): void {
    this.client.close();
    this.#second?.close();
  }

  #connect(): MailringClient {
    const client: MailringClient = new MailringClient({
      urls: this.#urls,
      token: this.#account.token,
      deviceId,
      openSocket: openNodeSocket,
      limits,
      events: {
        changed: (change) => {
          if (client === this.client) this.heard.push(change);
        },
        reset: () => {
          if (client === this.client) this.wasReset = true;
        },
        stateChanged: ({ kind }) => {
          if (client === this.client && kind !== 'open') this.onBreak();
        },
        retrying: (_method, params) => {
          if ('messageId' in params && typeof params.messageId === 'string') this.onRetry(params.messageId);
        },
      },
    });
    return client;
  }
}
