import { expect, vi } from 'vitest';
import { messageId } from '../wire-client.ts';

type Json = Record<string, unknown>;

/** What a third-party library gives: calls that fail with the library's own error, and notifications. */
export interface ChatClient {
  call(method: string, params: object): Promise<unknown>;
  /** The changes pushed so far. */
  readonly changes: readonly Json[];
  /** Code and data of an error, as the library shows them. */
  refusal(error: unknown): { readonly code: number; readonly data: Json };
  close(): void;
}

export interface ChatUser {
  readonly userId: string;
  readonly token: string;
}

/** Connects a library to a node, which need not be the one that serves the user. */
export type Connect = (httpUrl: string, user: ChatUser) => Promise<ChatClient>;

export async function register(httpUrl: string, userId: string): Promise<ChatUser> {
  const answer = await fetch(`${httpUrl}/v1/users`, {
    method: 'POST',
    body: JSON.stringify({ userId, name: userId, password: 'pw' }),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as ChatUser;
}

/** `session.open`, at the address that `moved` names where it is another one. */
export async function opened(
  httpUrl: string,
  { token }: ChatUser,
  connect: (wsUrl: string) => Promise<ChatClient>,
): Promise<ChatClient> {
  let url = `${httpUrl.replace('http', 'ws')}/v1/ws`;
  for (let moves = 0; moves < 5; moves++) {
    const client = await connect(url);
    try {
      await client.call('session.open', { token, deviceId: 'd1' });
      return client;
    } catch (error) {
      client.close();
      const { code, data } = client.refusal(error);
      expect([code, data['kind']]).toEqual([-32005, 'moved']);
      url = String(data['url']);
    }
  }
  throw new Error('sent from node to node without an end');
}

async function refusalOf(client: ChatClient, method: string, params: object): Promise<unknown> {
  const error: unknown = await client.call(method, params).then(
    () => {
      throw new Error(`${method} was not refused`);
    },
    (why: unknown) => why,
  );
  const { code, data } = client.refusal(error);
  return [code, data['kind']];
}

/** Two people chat: a message and its repeat, its push, an answer, a read mark and its receipt, history, refusals. */
export async function runChat(httpUrl: string, prefix: string, connect: Connect): Promise<void> {
  const users = [await register(httpUrl, `${prefix}-ann`), await register(httpUrl, `${prefix}-bob`)] as const;
  const [ann, bob] = [await connect(httpUrl, users[0]), await connect(httpUrl, users[1])];
  const [{ userId: annId }, { userId: bobId }] = users;

  const hello = { to: bobId, text: 'Grüße 👋', messageId: messageId(annId, 'hello') };
  const sent = (await ann.call('sendMessage', hello)) as Json;
  expect(sent).toMatchObject({ messageId: hello.messageId, duplicate: false });
  expect(await ann.call('sendMessage', hello)).toEqual({ ...sent, duplicate: true });
  const { conversationId, seq } = sent;
  const message = { conversationId, seq, from: annId, text: hello.text };
  await vi.waitFor(() => {
    expect(bob.changes).toContainEqual(
      expect.objectContaining({ kind: 'message', message: expect.objectContaining(message) as unknown }),
    );
  }, 10_000);

  await bob.call('sendMessage', { conversationId, text: 'hi', messageId: messageId(bobId, 'answer') });
  expect(await bob.call('markRead', { conversationId, seq })).toEqual({ seq, unread: 0 });
  await vi.waitFor(() => {
    expect(ann.changes).toContainEqual(
      expect.objectContaining({ kind: 'receipt', userId: bobId, readSeq: seq }),
    );
  }, 10_000);
  expect(await bob.call('getMessages', { conversationId, limit: 10 })).toMatchObject({
    messages: [{ text: 'hi' }, message],
    hasMore: false,
  });

  expect(await refusalOf(ann, 'getProfile', { userId: 'nobody' })).toEqual([-32003, 'not_found']);
  expect(await refusalOf(ann, 'getEverything', {})).toEqual([-32601, 'method_not_found']);
  expect(await refusalOf(ann, 'getMessages', { conversationId, limit: 0 })).toEqual([
    -32602,
    'invalid_params',
  ]);
  for (const client of [ann, bob]) client.close();
}
