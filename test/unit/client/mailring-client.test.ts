import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { jsonCodec } from '../../../src/client/frame-codec.ts';
import { MailringClient } from '../../../src/client/mailring-client.ts';
import type { ClientOptions, ClientState } from '../../../src/client/mailring-client.ts';
import { MessageIdSource } from '../../../src/client/message-id-source.ts';
import { msgpackCodec } from '../../../src/client/msgpack-codec.ts';
import { openNodeSocket } from '../../../src/client/node-socket.ts';
import { clientTime } from '../../../src/client/client-time.ts';
import type { Change } from '../../../src/protocol/message.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
const clients: MailringClient[] = [];
const ids = new MessageIdSource('ann', 'd1', clientTime, () => 0.5);

const limits = {
  openTimeoutMs: 500,
  attemptTimeoutMs: 150,
  callTimeoutMs: 3_000,
  sendTimeoutMs: 3_000,
  reconnectFirstMs: 20,
  reconnectMaxMs: 100,
};

interface Heard {
  readonly changes: Change[];
  readonly states: ClientState['kind'][];
  readonly pushes: string[];
  readonly retries: string[];
  resets: number;
}

function connect(
  userId: string,
  more: Partial<ClientOptions> = {},
): { client: MailringClient; heard: Heard } {
  const heard: Heard = { changes: [], states: [], pushes: [], retries: [], resets: 0 };
  const client = new MailringClient({
    urls: [server.wsUrl],
    token: `token-${userId}`,
    deviceId: 'd1',
    openSocket: openNodeSocket,
    limits,
    events: {
      changed: (change) => heard.changes.push(change),
      stateChanged: (state) => heard.states.push(state.kind),
      pushed: (method) => heard.pushes.push(method),
      reset: () => heard.resets++,
      retrying: (method, _params, error) => heard.retries.push(`${method} ${error.kind}`),
    },
    ...more,
  });
  clients.push(client);
  client.open();
  return { client, heard };
}

const isOpen = (client: MailringClient) => vi.waitFor(() => expect(client.state.kind).toBe('open'));
const toBob = (text: string) => ({ to: 'bob', text, messageId: ids.next() });
const sends = () => server.seen.filter(({ method }) => method === 'sendMessage');
const textsOf = (changes: readonly Change[]) =>
  changes.map((change) => (change.kind === 'message' ? change.message.text : change.kind));

beforeEach(async () => {
  server = await FakeServer.start();
  server.backend.addUser('ann', 'Ann', 'a');
  server.backend.addUser('bob', 'Bob', 'b');
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
});

describe.each([jsonCodec, msgpackCodec])('$subprotocol', (codec) => {
  test('sends, is acknowledged, and the other side hears of it', async () => {
    const ann = connect('ann', { codec });
    const bob = connect('bob', { codec });
    await isOpen(bob.client);
    const sent = await ann.client.sendMessage(toBob('hello 👋'));
    expect(sent).toMatchObject({ conversationId: 'dm:ann:bob', duplicate: false });
    await vi.waitFor(() => expect(textsOf(bob.heard.changes)).toEqual(['hello 👋']));
    await vi.waitFor(() => expect(textsOf(ann.heard.changes)).toEqual(['hello 👋']));
    const page = await bob.client.call('getMessages', { conversationId: 'dm:ann:bob' });
    expect(page.messages.map(({ seq }) => seq)).toEqual([sent.seq]);
    expect(page.hasMore).toBe(false);
  });
});

describe('retries', () => {
  test('G4: a lost reply leads to the same send with the same id, and one message', async () => {
    const { client } = connect('ann');
    let lost = 0;
    server.intercept = ({ method }) => (method === 'sendMessage' && lost++ < 2 ? 'lose-reply' : 'answer');
    const sent = await client.sendMessage(toBob('once'));
    expect(sent.duplicate).toBe(true);
    expect(new Set(sends().map(({ params }) => params['messageId'])).size).toBe(1);
    expect(sends()).toHaveLength(3);
    expect(server.backend.user('bob').conversations.get('dm:ann:bob')?.messages).toHaveLength(1);
  });

  test('a connection lost in mid-flight: every waiting send is made again, in order', async () => {
    const { client } = connect('ann');
    await isOpen(client);
    server.intercept = ({ method }) => (method === 'sendMessage' ? 'ignore' : 'answer');
    const pending = [1, 2, 3].map((n) => client.sendMessage(toBob(`m${n}`)));
    await vi.waitFor(() => expect(sends()).toHaveLength(3));
    server.intercept = () => 'answer';
    client.breakConnection();
    const seqs = (await Promise.all(pending)).map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(server.backend.user('bob').feed).toHaveLength(3);
  });

  test('waits as long as the server asks after a retryable error', async () => {
    const { client, heard } = connect('ann');
    await isOpen(client);
    let refused = 0;
    server.intercept = ({ method }) =>
      method === 'sendMessage' && refused++ === 0
        ? new ProtocolError('overloaded', 'later', { retryAfterMs: 400 })
        : 'answer';
    const started = performance.now();
    await client.sendMessage(toBob('later'));
    expect(performance.now() - started).toBeGreaterThan(390);
    expect(heard.retries).toEqual(['sendMessage overloaded']);
  });

  test('an error that is not retryable ends the send', async () => {
    const { client } = connect('ann');
    server.intercept = ({ method }) =>
      method === 'sendMessage' ? new ProtocolError('forbidden', 'no') : 'answer';
    await expect(client.sendMessage(toBob('x'))).rejects.toMatchObject({
      kind: 'forbidden',
      retryable: false,
    });
    expect(sends()).toHaveLength(1);
  });

  test('a call that does not fit a frame is refused alone, in bytes, whether a session is open or not', async () => {
    server.frameBytesMax = 2_000;
    const { client } = connect('ann');
    const early = client.sendMessage(toBob('x'.repeat(2_000)));
    const others = [client.sendMessage(toBob('1')), client.sendMessage(toBob('é'.repeat(700)))];
    await expect(early).rejects.toMatchObject({ kind: 'too_large', retryable: false });
    await Promise.all(others);
    await expect(client.sendMessage(toBob('é'.repeat(1_000)))).rejects.toMatchObject({ kind: 'too_large' });
    expect(client.state.kind).toBe('open');
    expect(sends()).toHaveLength(2);
  });

  test('the deadline ends a call, sent or not', async () => {
    const { client } = connect('ann');
    server.intercept = ({ method }) => (method === 'sendMessage' ? 'ignore' : 'answer');
    await expect(client.sendMessage(toBob('x'), 300)).rejects.toMatchObject({ kind: 'timeout' });
    await server.stop();
    await expect(client.call('getConversations', {}, 200)).rejects.toMatchObject({ kind: 'timeout' });
    server = await FakeServer.start(server.backend);
  });

  test('G10: the queue of waiting calls has a limit', async () => {
    const { client } = connect('ann', { limits: { ...limits, pendingCallsMax: 2 } });
    const first = [client.sendMessage(toBob('1')), client.sendMessage(toBob('2'))];
    await expect(client.sendMessage(toBob('3'))).rejects.toMatchObject({ kind: 'queue_full' });
    await Promise.all(first);
  });
});

describe('the change feed', () => {
  test('G8: what happened while away follows at the reconnect, once and in order', async () => {
    const ann = connect('ann');
    const bob = connect('bob');
    await isOpen(bob.client);
    await ann.client.sendMessage(toBob('1'));
    await vi.waitFor(() => expect(bob.heard.changes).toHaveLength(1));
    const { backend, port } = server;
    await server.stop();
    backend.answer('ann', 'sendMessage', toBob('2'));
    backend.answer('ann', 'sendMessage', toBob('3'));
    server = await FakeServer.start(backend, port);
    await vi.waitFor(() => expect(textsOf(bob.heard.changes)).toEqual(['1', '2', '3']));
    expect(bob.client.cursor).toBe('3');
    expect(bob.heard.resets).toBe(0);
  });

  test('an unknown cursor is reported and the feed goes on from the head', async () => {
    server.backend.answer('ann', 'sendMessage', toBob('old'));
    const bob = connect('bob', { since: '999' });
    await isOpen(bob.client);
    expect(bob.heard.resets).toBe(1);
    expect(bob.client.cursor).toBe('1');
    server.backend.answer('ann', 'sendMessage', toBob('new'));
    await vi.waitFor(() => expect(textsOf(bob.heard.changes)).toEqual(['new']));
  });

  test('other pushes are handed on', async () => {
    const { client, heard } = connect('ann');
    await isOpen(client);
    server.push('ann', 'typing', { conversationId: 'dm:ann:bob', userId: 'bob', on: true });
    await vi.waitFor(() => expect(heard.pushes).toEqual(['typing']));
  });
});

describe('close codes', () => {
  test.each([4000, 4001, 4002, 4003, 4499])('comes back after %d', async (code) => {
    const { client, heard } = connect('ann');
    await isOpen(client);
    server.closeSockets(code);
    await vi.waitFor(() => expect(heard.states).toContain('waiting'));
    await isOpen(client);
  });

  test.each([4500, 4501, 4503])('stops after %d and fails what waits', async (code) => {
    const { client } = connect('ann');
    await isOpen(client);
    server.intercept = ({ method }) => (method === 'sendMessage' ? 'ignore' : 'answer');
    const pending = client.sendMessage(toBob('x'));
    const failed = expect(pending).rejects.toMatchObject({ kind: 'closed', retryable: false });
    server.closeSockets(code);
    await failed;
    expect(client.state.kind).toBe('stopped');
    await expect(client.call('getConversations', {})).rejects.toMatchObject({ kind: 'closed' });
  });

  test('a refused token stops the client', async () => {
    const { client } = connect('nobody');
    await vi.waitFor(() => expect(client.state.kind).toBe('stopped'));
    expect(server.seen).toHaveLength(1);
  });
});

describe('moving', () => {
  test('follows a moved answer to the owner', async () => {
    const owner = await FakeServer.start(server.backend);
    server.intercept = () => new ProtocolError('moved', 'elsewhere', { url: owner.wsUrl });
    const { client } = connect('ann');
    await isOpen(client);
    expect([server.sessions, owner.sessions]).toEqual([0, 1]);
    client.close();
    await owner.stop();
  });

  test('goes to the new owner when its time has come, not before', async () => {
    const owner = await FakeServer.start(server.backend);
    const { client } = connect('ann');
    await isOpen(client);
    const started = performance.now();
    server.push('ann', 'moved', { url: owner.wsUrl, afterMs: 300 });
    server.closeSockets(4001);
    await vi.waitFor(() => expect(owner.sessions).toBe(1));
    expect(performance.now() - started).toBeGreaterThan(290);
    client.close();
    await owner.stop();
  });

  test('opens its socket to the new owner while the old one still answers, and asks nothing twice', async () => {
    const owner = await FakeServer.start(server.backend);
    const { client, heard } = connect('ann');
    await isOpen(client);
    const { promise: hold, resolve: answer } = Promise.withResolvers<undefined>();
    server.hold = hold;
    const before = client.sendMessage(toBob('before'));
    await vi.waitFor(() => expect(server.seen.at(-1)?.method).toBe('sendMessage'));
    server.push('ann', 'moved', { url: owner.wsUrl, afterMs: 0 });
    await vi.waitFor(() => expect(owner.sockets).toBe(1));
    const after = client.sendMessage(toBob('after'));
    expect(client.state.kind).toBe('open');
    answer(undefined);
    await Promise.all([before, after]);
    const sent = (one: FakeServer): unknown[] => one.seen.filter(({ method }) => method === 'sendMessage');
    expect([sent(server).length, sent(owner).length, heard.states.includes('waiting')]).toEqual([
      1,
      1,
      false,
    ]);
    client.close();
    await owner.stop();
  });

  test('stays where the new owner cannot be reached, until its node ends the session', async () => {
    const owner = await FakeServer.start(server.backend);
    const { wsUrl: url } = owner;
    await owner.stop();
    const { client, heard } = connect('ann');
    await isOpen(client);
    server.push('ann', 'moved', { url, afterMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.sendMessage(toBob('still here'));
    expect([client.state.kind, heard.states.includes('waiting')]).toEqual(['open', false]);
  });

  test('two nodes that point at each other are a failure with back-off, not a spin', async () => {
    server.intercept = () => new ProtocolError('moved', 'elsewhere', { url: server.wsUrl });
    const { client, heard } = connect('ann');
    await vi.waitFor(() => expect(heard.states).toContain('waiting'));
    client.close();
    expect(server.seen.length).toBeLessThan(25);
  });

  test('an address that is none is a failure like any other', async () => {
    let first = true;
    server.intercept = () => {
      if (!first) return 'answer';
      first = false;
      return new ProtocolError('moved', 'elsewhere', { url: 'not a url' });
    };
    const { client, heard } = connect('ann', { urls: [server.wsUrl, server.wsUrl] });
    await vi.waitFor(() => expect(heard.states).toContain('waiting'));
    client.close();
  });
});

test('hurry connects now instead of after the wait', async () => {
  const { client } = connect('ann', {
    limits: { ...limits, reconnectFirstMs: 60_000, reconnectMaxMs: 60_000 },
  });
  await isOpen(client);
  const { backend, port } = server;
  await server.stop();
  await vi.waitFor(() => expect(client.state.kind).toBe('waiting'));
  server = await FakeServer.start(backend, port);
  client.hurry();
  await isOpen(client);
});

test('the next address has its turn when one stays away', async () => {
  const { client } = connect('ann', { urls: ['ws://127.0.0.1:1/v1/ws', server.wsUrl] });
  await isOpen(client);
});

describe('the wait before another try', () => {
  const nobody = 'ws://127.0.0.1:1/v1/ws';

  async function waits(
    count: number,
    urls: readonly [string, ...string[]],
    more: Partial<ClientOptions> = {},
  ): Promise<readonly number[]> {
    const heard: number[] = [];
    const { client } = connect('ann', {
      ...{ urls, random: () => 0, limits: { ...limits, reconnectFirstMs: 8, reconnectMaxMs: 64 } },
      events: {
        stateChanged: (state) => {
          if (state.kind === 'waiting') heard.push(state.retryInMs);
        },
      },
      ...more,
    });
    await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(count));
    client.close();
    return heard.slice(0, count);
  }

  test('doubles when all addresses have failed, not for each of them', async () => {
    expect(await waits(5, [nobody])).toEqual([4, 8, 16, 32, 32]);
    expect(await waits(7, [nobody, nobody, nobody])).toEqual([4, 4, 4, 8, 8, 8, 16]);
  });

  test('is what the server says, and does not grow beyond that', async () => {
    server.intercept = () => new ProtocolError('overloaded', 'later', { retryAfterMs: 20 });
    expect(await waits(6, [server.wsUrl])).toEqual([20, 20, 20, 20, 20, 20]);
  });

  test('is never shorter than the first one, whatever the server says', async () => {
    server.intercept = () => new ProtocolError('overloaded', 'now', { retryAfterMs: 0 });
    expect(await waits(3, [server.wsUrl])).toEqual([4, 4, 4]);
  });
});

test('gives up after the set time without a session', async () => {
  const { client } = connect('ann', {
    urls: ['ws://127.0.0.1:1'],
    limits: { ...limits, giveUpAfterMs: 200 },
  });
  const call = client.call('getConversations', {});
  await expect(call).rejects.toMatchObject({ kind: 'closed', retryable: false });
  expect(client.state.kind).toBe('stopped');
});

test('a silent connection is asked, then dropped', async () => {
  const { client, heard } = connect('ann', {
    time: {
      ...clientTime,
      // Two heartbeats of the fake server are 30 s; here they pass in 300 ms.
      after: (delayMs, run) => clientTime.after(delayMs > 10_000 ? delayMs / 100 : delayMs, run),
      monotonicMs: () => performance.now() * 100,
    },
  });
  await isOpen(client);
  server.intercept = ({ method }) => (method === 'getChanges' ? 'ignore' : 'answer');
  await vi.waitFor(() => expect(heard.states).toContain('waiting'), 3_000);
  await isOpen(client);
});
