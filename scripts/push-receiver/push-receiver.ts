import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** As docs/push.md has it. */
export interface ReceivedNotice {
  readonly userId: string;
  readonly unread: number;
  readonly conversationId: string;
  readonly name: string;
  readonly from: string;
  readonly preview?: string;
  readonly timestamp: number;
}

export interface PushReceiverOptions {
  readonly secret: string;
  /** Loopback; 0 takes a free one. */
  readonly port: number;
  /** Takes a batch; what it throws makes the sender try again. */
  readonly take: (notices: readonly ReceivedNotice[]) => void;
}

const bodyBytesMax = 1024 * 1024;
/** How old a request may be, or how far ahead, in ms: an old one may be played again by somebody else. */
const ageMaxMs = 5 * 60_000;

/**
 * An example of a receiver of Mailring's push webhook, written against docs/push.md alone: where this one hands the
 * notices to `take`, a real one would hand them to the push services of phones.
 */
export class PushReceiver {
  readonly #options: PushReceiverOptions;
  readonly #server: Server;

  private constructor(options: PushReceiverOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then((status) => response.writeHead(status).end());
    });
  }

  static async start(options: PushReceiverOptions): Promise<PushReceiver> {
    const receiver = new PushReceiver(options);
    receiver.#server.listen(options.port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage): Promise<number> {
    if (request.method !== 'POST') return 405;
    const body = await bodyOf(request);
    if (body === undefined) return 413;
    const signature = request.headers['mailring-signature'];
    if (typeof signature !== 'string' || !this.#isGenuine(signature, body)) return 401;
    const { notices } = JSON.parse(body) as { notices: ReceivedNotice[] };
    try {
      this.#options.take(notices);
      return 204;
    } catch {
      return 503;
    }
  }

  /** `t=<epoch ms>,v1=<hex of HMAC-SHA256 over "<epoch ms>.<body>">` */
  #isGenuine(signature: string, body: string): boolean {
    const match = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(signature);
    if (match === null) return false;
    const [, time = '', digest = ''] = match;
    if (Math.abs(Date.now() - Number(time)) > ageMaxMs) return false;
    const expected = createHmac('sha256', this.#options.secret).update(`${time}.${body}`).digest();
    return timingSafeEqual(expected, Buffer.from(digest, 'hex'));
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
