import { expect } from 'vitest';
import { errorText, messageId, WireClient, type Json, type Subprotocol } from '../support/wire-client.ts';

/** Where the suite finds the product: one node, or several. */
export interface MessengerPorts {
  /** Base address of any node, as in `http://127.0.0.1:7400`. */
  readonly httpUrl: () => string;
}

let users = 0;

/** One user of a test with its devices, wherever it is served. */
export class TestUser {
  readonly userId: string;
  readonly token: string;
  readonly #stand: MessengerStand;

  constructor(userId: string, token: string, stand: MessengerStand) {
    this.userId = userId;
    this.token = token;
    this.#stand = stand;
  }

  /** A device of this user, its session open. */
  open(deviceId = 'd1'): Promise<WireClient> {
    return this.#stand.open(this.token, deviceId);
  }

  /** A token of its own, as another device has it. */
  async logIn(): Promise<string> {
    const answer = await fetch(`${this.#stand.httpUrl}/v1/sessions`, {
      method: 'POST',
      body: JSON.stringify({ userId: this.userId, password: 'pw' }),
    });
    return ((await answer.json()) as { token: string }).token;
  }
}

/** Makes users and opens their devices, which follow `moved`. */
export class MessengerStand {
  readonly subprotocol: Subprotocol;
  readonly #ports: MessengerPorts;
  readonly #clients: WireClient[] = [];

  constructor(ports: MessengerPorts, subprotocol: Subprotocol) {
    this.#ports = ports;
    this.subprotocol = subprotocol;
  }

  get httpUrl(): string {
    return this.#ports.httpUrl();
  }

  /** A user that no other test has; the name is that in capitals. */
  async user(name: string): Promise<TestUser> {
    const userId = `${name}-${++users}-${this.subprotocol.slice(-4)}`;
    const answer = await fetch(`${this.httpUrl}/v1/users`, {
      method: 'POST',
      body: JSON.stringify({ userId, name: userId.toUpperCase(), password: 'pw' }),
    });
    expect(answer.status).toBe(201);
    return new TestUser(userId, ((await answer.json()) as { token: string }).token, this);
  }

  async open(token: string, deviceId: string): Promise<WireClient> {
    let url = `${this.httpUrl.replace('http', 'ws')}/v1/ws`;
    for (let moves = 0; ; moves++) {
      const client = await WireClient.connect(url, this.subprotocol);
      this.#clients.push(client);
      const reply = await client.call('session.open', { token, deviceId });
      if (reply['error'] === undefined) return client;
      client.close();
      expect(errorText(reply)).toBe('moved');
      expect(moves).toBeLessThan(5);
      url = (reply['error'] as { data: Json }).data['url'] as string;
    }
  }

  /** Sends one text; the result of the call. */
  async say(client: WireClient, from: TestUser, to: TestUser, text: string): Promise<Json & { seq: number }> {
    const id = messageId(from.userId, text.replaceAll(/[^A-Za-z0-9_-]/g, '-'));
    const result = await client.result('sendMessage', { to: to.userId, text, messageId: id });
    return result as Json & { seq: number };
  }

  closeAll(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}

export function dmOf(a: TestUser, b: TestUser): string {
  return a.userId < b.userId ? `dm:${a.userId}:${b.userId}` : `dm:${b.userId}:${a.userId}`;
}

/** The next push of a kind; others before it are passed over. */
export async function changeOf(client: WireClient, kind: string): Promise<Json> {
  for (;;) {
    const change = await client.change();
    if (change['kind'] === kind) return change;
  }
}

/** The entry of a conversation in the list. */
export async function entryOf(client: WireClient, conversationId: string): Promise<Json | undefined> {
  const { conversations } = await client.result('getConversations', { limit: 100 });
  return (conversations as Json[]).find((entry) => entry['conversationId'] === conversationId);
}
