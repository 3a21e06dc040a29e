import { readFile } from 'node:fs/promises';
import type { Settings } from '../config/settings.ts';
import type { MailboxDirectory } from '../router/mailbox-port.ts';
import type { Time } from '../std/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import { NoticeDesk } from './notice-desk.ts';
import { newPushTally, type PushTally } from './push-tally.ts';
import { Webhook } from './webhook.ts';

export interface PushParts {
  readonly directory: MailboxDirectory;
  /** Does a device of the user listen now? */
  readonly isHeard: (userId: string) => boolean;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  readonly logger: Logger;
}

const secretBytesMin = 32;

/** Tells a receiver of the operator's about users whom no device listens for (docs/push.md). */
export class PushService {
  readonly tally: PushTally = newPushTally();
  readonly #desk: NoticeDesk;
  readonly #webhook: Webhook;

  private constructor(
    url: string,
    secret: Uint8Array,
    { delayMs, preview: hasPreview }: Settings['push'],
    { logger, ...parts }: PushParts,
  ) {
    const { tally } = this;
    const onTrouble = (error: unknown): void => {
      logger.warn({ err: error }, 'a user without a connected device could not be told of messages');
    };
    this.#webhook = new Webhook({ url, secret, tally, time: parts.time, random: parts.random, onTrouble });
    const deliver = this.#webhook.add.bind(this.#webhook);
    this.#desk = new NoticeDesk({ ...parts, delayMs, hasPreview, deliver, tally, onTrouble });
  }

  /** undefined where no receiver is set. Rejects with Error where the secret cannot be read. */
  static async open(settings: Settings, parts: PushParts): Promise<PushService | undefined> {
    const { push } = settings;
    const { url, secretFile } = push;
    if (url === undefined || secretFile === undefined) return undefined;
    const secret = Buffer.from((await readFile(secretFile, 'utf8')).trim());
    if (secret.length < secretBytesMin) {
      throw new Error(
        `${secretFile}: a secret for push has at least ${secretBytesMin} bytes (openssl rand -hex 32)`,
      );
    }
    return new PushService(url, secret, push, parts);
  }

  /** Users who wait to be told about. */
  get waiting(): number {
    return this.#webhook.waiting;
  }

  unheard(userId: string): void {
    this.#desk.unheard(userId);
  }

  lost(userId: string, quietMs: number): void {
    this.#desk.lost(userId, quietMs);
  }

  stop(): void {
    this.#desk.stop();
    this.#webhook.stop();
  }
}
