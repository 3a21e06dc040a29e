import { expect, vi } from 'vitest';
import type { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import type { CallName } from '../../src/protocol/call-list.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { errorText, messageId, WireClient, type Json } from './wire-client.ts';
import { wireFault } from './wire-conformance.ts';

export const transports = ['json', 'msgpack', 'http'] as const;
export type Transport = (typeof transports)[number];

/** One way to ask: a session, or requests over HTTP. */
export interface Line {
  reply(method: string, params: unknown): Promise<Json>;
  /** Many of one call at once, as a batch. */
  batch(method: string, count: number): Promise<readonly Json[]>;
  close(): void;
}

export const deviceId = 'd1';
/** Of the test cluster; a group of one more is `too_large`. */
export const membersMax = 6;
export const conversationsMax = 60;
export const connectionsPerUserMax = 12;
export const openingsPerMinute = 60;

async function post(node: NodeProcess, path: string, body: unknown, token?: string): Promise<Response> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    'x-device-id': deviceId,
  };
  return fetch(node.httpUrl + path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Calls over HTTP at one node. `token` undefined: without one. */
export function httpLine(node: NodeProcess, token: string | undefined): Line {
  const ask = async (body: unknown, method: string): Promise<unknown> => {
    const answer = await post(node, '/v1/rpc', body, token);
    const reply: unknown = await answer.json();
    // Outside of JSON-RPC: the error object alone.
    if (answer.status !== 200) expect(reply).toEqual({ error: expect.anything() as unknown });
    else expect(wireFault(reply, () => method)).toBeUndefined();
    return reply;
  };
  return {
    reply: async (method, params) =>
      (await ask({ jsonrpc: '2.0', id: 1, method, ...(params !== undefined && { params }) }, method)) as Json,
    batch: async (method, count) => {
      const calls = Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method }));
      return [await ask(calls, method)].flat() as Json[];
    },
    close: () => undefined,
  };
}

/** Calls of a WebSocket. */
export function socketLine(client: WireClient): Line {
  return {
    reply: (method, params) => client.call(method, params),
    batch: async (method, count) => {
      const ids = Array.from({ length: count }, (_, index) => `${method}-${index}`);
      client.send(ids.map((id) => ({ jsonrpc: '2.0', id, method })));
      const replies: unknown = await client.take((message) => Array.isArray(message));
      return replies as Json[];
    },
    close: () => {
      client.close();
    },
  };
}

export const subprotocolOf = (transport: Transport): 'mailring.v1.json' | 'mailring.v1.msgpack' =>
  transport === 'msgpack' ? 'mailring.v1.msgpack' : 'mailring.v1.json';

let tries = 0;

/** A user that a certain node owns. */
export class Person {
  readonly userId: string;
  readonly token: string;
  readonly #owner: NodeProcess;

  private constructor(userId: string, token: string, owner: NodeProcess) {
    this.userId = userId;
    this.token = token;
    this.#owner = owner;
  }

  /** Registers users, asked at `door`, until one is owned by the node. */
  static async ownedBy(owner: NodeProcess, door: NodeProcess, name: string): Promise<Person> {
    for (;;) {
      const userId = `${name}-${++tries}`;
      const answer = await post(door, '/v1/users', { userId, name: name.toUpperCase(), password: 'pw' });
      expect(answer.status).toBe(201);
      const { token } = (await answer.json()) as { token: string };
      const client = await WireClient.connect(owner.wsUrl);
      const opened = await client.errorOf('session.open', { token, deviceId });
      client.close();
      if (opened === 'no error') return new Person(userId, token, owner);
      expect(opened).toBe('moved');
    }
  }

  /** A session at the owner. */
  open(transport: Transport): Promise<WireClient> {
    const subprotocol = subprotocolOf(transport);
    return WireClient.open(this.#owner.wsUrl, this.token, { deviceId, subprotocol });
  }
}

/** The people of one transport: those who ask are owned by the first node, their peers by the second; HTTP asks the third. */
export class ProtocolStand {
  readonly transport: Transport;
  readonly ann: Person;
  readonly bob: Person;
  /** Has blocked ann. */
  readonly dave: Person;
  /** Can be in no more conversations. */
  readonly fullId: string;
  readonly clients: readonly WireClient[];
  readonly #lines: ReadonlyMap<Person, Line>;
  /** bob's, with ann and dave as plain members. */
  bobsGroup = '';
  /** bob's and dave's. */
  foreignGroup = '';
  annSeq = 0;
  bobSeq = 0;
  daveSeq = 0;
  #ids = 0;

  private constructor(
    transport: Transport,
    people: readonly [Person, Person, Person],
    lines: readonly Line[],
    clients: readonly WireClient[],
    fullId: string,
  ) {
    this.transport = transport;
    [this.ann, this.bob, this.dave] = people;
    this.#lines = new Map(people.map((person, index) => [person, lines[index]!]));
    this.clients = clients;
    this.fullId = fullId;
  }

  static async make(cluster: NodeCluster, transport: Transport, fullId: string): Promise<ProtocolStand> {
    const [first, second, third] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
    const people = [
      await Person.ownedBy(first, third, `ann-${transport}`),
      await Person.ownedBy(second, third, `bob-${transport}`),
      await Person.ownedBy(second, third, `dave-${transport}`),
    ] as const;
    const clients = transport === 'http' ? [] : await Promise.all(people.map((one) => one.open(transport)));
    const lines =
      clients.length > 0 ? clients.map(socketLine) : people.map(({ token }) => httpLine(third, token));
    const stand = new ProtocolStand(transport, people, lines, clients, fullId);
    await stand.#prepare();
    return stand;
  }

  get dm(): string {
    return dmIdOf(this.ann.userId, this.bob.userId);
  }

  reply(who: Person, method: string, params: unknown): Promise<Json> {
    return this.line(who).reply(method, params);
  }

  line(who: Person): Line {
    return this.#lines.get(who)!;
  }

  async result(who: Person, method: CallName, params: object): Promise<Json> {
    const reply = await this.reply(who, method, params);
    if (reply['error'] !== undefined) throw new Error(`${method}: ${JSON.stringify(reply['error'])}`);
    return reply['result'] as Json;
  }

  /** An id that no message or change has had; ann's unless told. */
  id(who = this.ann, epochMs = Date.now()): string {
    return messageId(who.userId, `m${++this.#ids}`, epochMs, deviceId);
  }

  /** What somebody has sent: its params and seq. */
  async sent(from = this.ann, to = this.bob): Promise<{ seq: number; messageId: string; text: string }> {
    const params = { to: to.userId, text: 'hello', messageId: this.id(from) };
    return { ...params, seq: (await this.result(from, 'sendMessage', params))['seq'] as number };
  }

  /** The id of a new group. */
  async group(owner: Person, members: readonly Person[]): Promise<string> {
    const params = { name: 'Team', members: members.map(({ userId }) => userId), requestId: this.id(owner) };
    return (await this.result(owner, 'createGroup', params))['conversationId'] as string;
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
  }

  async #prepare(): Promise<void> {
    const { ann, bob, dave } = this;
    this.annSeq = (await this.sent()).seq;
    this.bobSeq = (await this.sent(bob, ann)).seq;
    this.daveSeq = (await this.sent(ann, dave)).seq;
    this.bobsGroup = await this.group(bob, [ann, dave]);
    this.foreignGroup = await this.group(bob, [dave]);
    await this.result(dave, 'blockUser', { userId: ann.userId });
    // One's own copies come a moment later.
    await vi.waitFor(async () => {
      const { messages } = await this.result(ann, 'getMessages', { conversationId: this.dm });
      expect(messages).toContainEqual(expect.objectContaining({ seq: this.annSeq }));
    });
  }
}

/** A user with so many conversations that no more begin. */
export async function fullUser(cluster: NodeCluster): Promise<string> {
  const [first, second, third] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
  const [full, maker] = [
    await Person.ownedBy(second, third, 'full'),
    await Person.ownedBy(first, third, 'maker'),
  ];
  const line = httpLine(third, maker.token);
  for (let group = 0; group <= conversationsMax; group++) {
    const params = { name: 'Many', members: [full.userId], requestId: String(group) };
    const answer = errorText(await line.reply('createGroup', params));
    if (answer === 'forbidden') return full.userId;
    expect(answer).toBe('no error');
  }
  throw new Error(`${conversationsMax} groups did not fill a list of conversations`);
}
