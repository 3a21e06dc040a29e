import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { clientTime } from '../../../src/client/client-time.ts';
import { openNodeSocket } from '../../../src/client/node-socket.ts';
import { ChatStore } from '../../../src/web/chat-store.ts';
import type { TextStorage } from '../../../src/web/outbox.ts';
import { parseMessageId } from '../../../src/protocol/message-id.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { FakeServer } from '../../support/fake-server.ts';

const conversationId = 'dm:ann:bob';
let server: FakeServer;
const stores: ChatStore[] = [];

function memoryStorage(): TextStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

function open(userId: string, storage = memoryStorage(), time = clientTime): ChatStore {
  const store = new ChatStore({
    wsUrl: server.wsUrl,
    userId,
    token: `token-${userId}`,
    deviceId: 'web',
    openSocket: openNodeSocket,
    storage,
    time,
    random: Math.random,
  });
  stores.push(store);
  store.open();
  return store;
}

let sent = 0;
function write(from: string, to: string, text: string): void {
  server.backend.answer(from, 'sendMessage', { to, text, messageId: `${Date.now()}.${from}.d.${sent++}` });
}
const textsIn = (store: ChatStore) => store.timeline(conversationId).messages.map(({ text }) => text);
const isOpen = (store: ChatStore) => vi.waitFor(() => expect(store.link.kind).toBe('open'));

beforeEach(async () => {
  server = await FakeServer.start();
  for (const userId of ['ann', 'bob', 'cat']) server.backend.addUser(userId, userId.toUpperCase(), 'pw');
});

afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await server.stop();
});

describe('sending', () => {
  test('an own message is shown at once, and once when its copy arrives', async () => {
    const store = open('ann');
    await isOpen(store);
    store.startChat('bob');
    server.intercept = ({ method }) => (method === 'sendMessage' ? 'ignore' : 'answer');
    await vi.waitFor(() => expect(store.timeline(conversationId).isLoaded).toBe(true));
    store.send(conversationId, 'hello');
    expect(store.outbox(conversationId).map(({ text, status }) => [text, status.kind])).toEqual([
      ['hello', 'sending'],
    ]);
    await vi.waitFor(() => expect(server.seen.some(({ method }) => method === 'sendMessage')).toBe(true));
    server.intercept = () => 'answer';
    store.send(conversationId, 'second');
    await vi.waitFor(() => expect(textsIn(store)).toEqual(['second']));
    expect(store.outbox(conversationId).map(({ text }) => text)).toEqual(['hello']);
    await vi.waitFor(() => expect(store.conversations.get(conversationId)?.snippet).toBe('second'));
  });

  test('what was refused can be sent again or discarded', async () => {
    const store = open('ann');
    server.intercept = ({ method }) =>
      method === 'sendMessage' ? new ProtocolError('forbidden', 'no') : 'answer';
    store.startChat('bob');
    store.send(conversationId, 'one');
    store.send(conversationId, 'two');
    const failed = () => store.outbox(conversationId).filter(({ status }) => status.kind === 'failed');
    await vi.waitFor(() => expect(failed()).toHaveLength(2));
    server.intercept = () => 'answer';
    const [one, two] = failed();
    store.discard(two!.messageId);
    store.retry(one!.messageId);
    await vi.waitFor(() => expect(textsIn(store)).toEqual(['one']));
    expect(store.outbox(conversationId)).toEqual([]);
  });

  test('G4: what a closed page had not sent goes out with the same id from the next one', async () => {
    const storage = memoryStorage();
    const first = open('ann', storage);
    await isOpen(first);
    server.intercept = ({ method }) => (method === 'sendMessage' ? 'lose-reply' : 'answer');
    first.send(conversationId, 'once');
    await vi.waitFor(() => expect(server.backend.user('bob').feed).toHaveLength(1));
    first.close();
    server.intercept = () => 'answer';
    // The copy came back to the first page, so pretend that it was closed before.
    const entry = { conversationId, text: 'once', writtenAt: 1, status: { kind: 'sending' } };
    const messageId = server.seen.find(({ method }) => method === 'sendMessage')!.params['messageId'];
    storage.setItem('mailring.outbox', JSON.stringify([{ ...entry, messageId }]));
    const second = open('ann', storage);
    second.select(conversationId);
    await vi.waitFor(() => expect(second.outbox(conversationId)).toEqual([]));
    expect(textsIn(second)).toEqual(['once']);
    expect(server.backend.user('bob').feed).toHaveLength(1);
  });
});

describe('receiving', () => {
  test('G9: the badge counts what others wrote since the last look, and a look clears it everywhere', async () => {
    write('bob', 'ann', '1');
    const store = open('ann');
    const other = open('ann');
    await vi.waitFor(() => expect(store.conversations.unread).toBe(1));
    write('bob', 'ann', '2');
    write('ann', 'bob', 'mine');
    write('cat', 'ann', 'miaow');
    await vi.waitFor(() => expect(store.conversations.unread).toBe(3));
    expect(store.conversations.list.map(({ peer, unread }) => [peer, unread])).toEqual([
      ['cat', 1],
      ['bob', 2],
    ]);
    store.select(conversationId);
    store.seen(conversationId);
    await vi.waitFor(() => expect(store.conversations.unread).toBe(1));
    await vi.waitFor(() => expect(other.conversations.unread).toBe(1));
    write('bob', 'ann', '3');
    await vi.waitFor(() => expect(other.conversations.unread).toBe(2));
  });

  test('the other side sees how far one has got, also with what came while one was away', async () => {
    write('bob', 'ann', '1');
    const bob = open('bob');
    await vi.waitFor(() => expect(bob.conversations.size).toBe(1));
    const marks = () => {
      const { peerDeliveredSeq, peerReadSeq } = bob.conversations.get(conversationId) ?? {};
      return [peerDeliveredSeq, peerReadSeq];
    };
    const seqs = () => bob.conversations.get(conversationId)?.lastSeq;
    const ann = open('ann');
    await vi.waitFor(() => expect(marks()).toEqual([seqs(), 0]));
    for (const text of ['2', '3']) write('bob', 'ann', text);
    await vi.waitFor(() => expect(ann.conversations.unread).toBe(3));
    await vi.waitFor(() => expect(marks()).toEqual([seqs(), 0]));
    ann.select(conversationId);
    ann.seen(conversationId);
    await vi.waitFor(() => expect(marks()).toEqual([seqs(), seqs()]));
  });

  test('history comes in pages, newest first', async () => {
    for (let n = 1; n <= 120; n++) write('bob', 'ann', String(n));
    const store = open('ann');
    store.select(conversationId);
    const timeline = store.timeline(conversationId);
    await vi.waitFor(() => expect(textsIn(store)).toHaveLength(50));
    store.loadOlder(conversationId);
    store.loadOlder(conversationId); // one page at a time
    await vi.waitFor(() => expect(textsIn(store)).toHaveLength(100));
    store.loadOlder(conversationId);
    await vi.waitFor(() => expect(timeline.hasOlder).toBe(false));
    expect(textsIn(store)).toEqual(Array.from({ length: 120 }, (_, place) => String(place + 1)));
  });

  test('after a feed that was cut short everything is fetched anew', async () => {
    write('bob', 'ann', 'before');
    const store = open('ann');
    store.select(conversationId);
    await vi.waitFor(() => expect(textsIn(store)).toEqual(['before']));
    const { backend, port } = server;
    await server.stop();
    write('bob', 'ann', 'meanwhile');
    server = await FakeServer.start(backend, port);
    server.forgetsCursors = true;
    await vi.waitFor(() => expect(textsIn(store)).toEqual(['before', 'meanwhile']), 5_000);
    expect(store.conversations.unread).toBe(2);
  });
});

test.each([-48, 48])('a device clock that is %i h off is not what the server is told', async (hours) => {
  const time = { ...clientTime, wallMs: () => Date.now() + hours * 3_600_000 };
  const store = open('ann', memoryStorage(), time);
  await isOpen(store);
  store.send(conversationId, 'hello');
  store.logOutEverywhere();
  const told = (method: string) => server.seen.find((call) => call.method === method)?.params;
  await vi.waitFor(() => expect(told('revokeTokens')).toBeDefined());
  const aboutNow = (epochMs: unknown) => expect(Math.abs(Number(epochMs) - Date.now())).toBeLessThan(60_000);
  aboutNow(told('revokeTokens')!['before']);
  aboutNow(parseMessageId(String(told('sendMessage')!['messageId']))?.epochMs);
});
