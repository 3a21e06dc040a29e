import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

const hourMs = 3_600_000;

describe.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)('bad calls in %s', (subprotocol) => {
  let server: TestGateway;
  let client: WireClient;

  beforeAll(async () => {
    server = await startTestGateway();
    const token = await server.user('ann');
    await server.user('bob');
    client = await WireClient.open(server.wsUrl, token, { subprotocol });
  });
  afterAll(async () => {
    client.close();
    // Nothing of what was refused has got through.
    expect(server.mailboxes.mailbox('bob').messages.size).toBe(0);
    await server.stop();
  });

  const good = (): Json => ({ to: 'bob', text: 'hi', messageId: messageId('ann', 'x') });

  it.each<[string, Json, string]>([
    ['no recipient', { to: undefined }, 'invalid_params to'],
    ['both recipients', { conversationId: 'dm:ann:bob' }, 'invalid_params to'],
    ['a number for a user', { to: 7 }, 'invalid_params to'],
    ['a path for a user', { to: '../bob' }, 'invalid_params to'],
    ['umlauts in a user', { to: 'bób' }, 'invalid_params to'],
    ['a line break in a user', { to: 'bob\n' }, 'invalid_params to'],
    ['an id of 65 characters', { to: 'b'.repeat(65) }, 'invalid_params to'],
    ['an empty id', { to: '' }, 'invalid_params to'],
    ['oneself', { to: 'ann' }, 'invalid_params to'],
    ['nobody', { to: 'nobody' }, 'not_found'],
    ['a conversation of others', { to: undefined, conversationId: 'dm:bob:carl' }, 'not_found'],
    ['a dm spelled backwards', { to: undefined, conversationId: 'dm:bob:ann' }, 'not_found'],
    ['a dm with oneself', { to: undefined, conversationId: 'dm:ann:ann' }, 'not_found'],
    ['a group', { to: undefined, conversationId: 'grp:any' }, 'not_found'],
    ['no conversation', { to: undefined, conversationId: 'ann:bob' }, 'invalid_params conversationId'],
    ['no text', { text: undefined }, 'invalid_params text'],
    ['null for a text', { text: null }, 'invalid_params text'],
    ['an object for a text', { text: { length: 3 } }, 'invalid_params text'],
    ['an empty text', { text: '' }, 'invalid_params text'],
    ['8193 bytes of text', { text: 'x'.repeat(8193) }, 'too_large text'],
    ['8192 characters, more bytes', { text: 'é'.repeat(4097) }, 'too_large text'],
    ['no messageId', { messageId: undefined }, 'invalid_params messageId'],
    ['a messageId without a time', { messageId: 'ann.d1.x' }, 'invalid_params messageId'],
    ['a second spelling of a time', { messageId: '007.ann.d1' }, 'invalid_params messageId'],
    ['a messageId of five parts', { messageId: `${Date.now()}.ann.d1.a.b` }, 'invalid_params messageId'],
    ['a negative time', { messageId: '-1.ann.d1' }, 'invalid_params messageId'],
    ['the messageId of another user', { messageId: messageId('bob', 'x') }, 'invalid_params messageId'],
    ['a user that only begins like ours', { messageId: messageId('annX', 'x') }, 'invalid_params messageId'],
    ['another device', { messageId: messageId('ann', 'x', Date.now(), 'd2') }, 'invalid_params messageId'],
    [
      'a device that begins so',
      { messageId: messageId('ann', 'x', Date.now(), 'd12') },
      'invalid_params messageId',
    ],
    [
      '6 minutes ahead',
      { messageId: messageId('ann', 'x', Date.now() + 360_000) },
      'invalid_params messageId',
    ],
    ['25 hours old', { messageId: messageId('ann', 'x', Date.now() - 25 * hourMs) }, 'stale_message_id'],
    ['a text for a media', { mediaRef: 'file' }, 'invalid_params mediaRef'],
    ['a media without a size', { mediaRef: { ref: 'a', type: 'b' } }, 'invalid_params mediaRef.size'],
    ['a media of -1 bytes', { mediaRef: { ref: 'a', type: 'b', size: -1 } }, 'invalid_params mediaRef.size'],
    ['half a byte', { mediaRef: { ref: 'a', type: 'b', size: 0.5 } }, 'invalid_params mediaRef.size'],
    ['a long media', { mediaRef: { ref: 'x'.repeat(1025), type: 'b', size: 1 } }, 'too_large mediaRef.ref'],
    ['a reply to 0', { replyTo: 0 }, 'invalid_params replyTo'],
    ['a reply to a fraction', { replyTo: 1.5 }, 'invalid_params replyTo'],
    ['a reply beyond 2^53', { replyTo: 2 ** 53 }, 'invalid_params replyTo'],
    ['a reply to a text', { replyTo: '3' }, 'invalid_params replyTo'],
    ['after a message of others', { after: messageId('bob', 'x') }, 'invalid_params after'],
    ['after no message', { after: 'x' }, 'invalid_params after'],
    ['after one that is not there', { after: messageId('ann', 'not-there') }, 'out_of_order'],
  ])('sendMessage: %s', async (_name, change, expected) => {
    const params = Object.fromEntries(
      Object.entries({ ...good(), ...change }).filter(([, value]) => value !== undefined),
    );
    expect(await client.errorOf('sendMessage', params)).toBe(expected);
  });

  it.each<[string, Json, string]>([
    ['getMessages', {}, 'invalid_params conversationId'],
    ['getMessages', { conversationId: 'dm:bob:carl' }, 'not_found'],
    ['getMessages', { conversationId: 'dm:ann:bob', limit: 0 }, 'invalid_params limit'],
    ['getMessages', { conversationId: 'dm:ann:bob', limit: 201 }, 'invalid_params limit'],
    ['getMessages', { conversationId: 'dm:ann:bob', limit: '5' }, 'invalid_params limit'],
    ['getMessages', { conversationId: 'dm:ann:bob', offset: -1 }, 'invalid_params offset'],
    ['getMessages', { conversationId: 'dm:ann:bob', before: 0 }, 'invalid_params before'],
    ['getMessages', { conversationId: 'dm:ann:bob', after: -1 }, 'invalid_params after'],
    ['getMessages', { conversationId: 'dm:ann:bob', after: 1e300 }, 'invalid_params after'],
    ['getMessages', { conversationId: 'dm:ann:bob', before: 9, offset: 1 }, 'invalid_params offset'],
    ['getConversations', { limit: 101 }, 'invalid_params limit'],
    ['getConversations', { since: -1 }, 'invalid_params since'],
    ['getChanges', { since: 5 }, 'invalid_params since'],
    ['getChanges', { limit: 1001 }, 'invalid_params limit'],
    ['markRead', { conversationId: 'dm:ann:bob' }, 'invalid_params seq'],
    ['markRead', { conversationId: 'dm:ann:bob', seq: 0 }, 'invalid_params seq'],
    ['markRead', { conversationId: 'dm:bob:carl', seq: 1 }, 'not_found'],
    ['noSuchCall', {}, 'method_not_found'],
    ['toString', {}, 'method_not_found'],
    ['__proto__', {}, 'method_not_found'],
    ['session.open', { token: 'x', deviceId: 'd1' }, 'invalid_request'],
  ])('%s %j', async (method, params, expected) => {
    expect(await client.errorOf(method, params)).toBe(expected);
  });

  it('params by position are invalid_params, other non-objects invalid_request', async () => {
    expect(await client.errorOf('sendMessage', ['bob', 'hi'])).toBe('invalid_params');
    expect(await client.errorOf('sendMessage', 'bob')).toBe('invalid_request');
    expect(await client.errorOf('sendMessage', 5)).toBe('invalid_request');
    expect(await client.errorOf('sendMessage', null)).toMatch(/^invalid_params/);
  });

  it('fields that nobody knows are ignored', async () => {
    expect(await client.errorOf('getConversations', { colour: 'red', limit: 3 })).toBe('no error');
  });
});

describe('tokens', () => {
  let server: TestGateway;
  let good: string;

  beforeAll(async () => {
    server = await startTestGateway();
    good = await server.user('ann');
  });
  afterAll(() => server.stop());

  const sign = (claims: Json, alg = 'HS256', key: Uint8Array = Buffer.alloc(32, 7)): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
  const claims = (): Json => ({
    sub: 'ann',
    iss: 'mailring',
    aud: 'mailring',
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 60,
  });
  const unsigned = (alg: string): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg })}.${part(claims())}.`;
  };
  const opening = async (token: unknown, deviceId: unknown = 'd1'): Promise<string> => {
    const client = await WireClient.connect(server.wsUrl);
    const answer = await client.errorOf('session.open', { token, deviceId });
    if (answer === 'unauthenticated') {
      expect(await client.errorOf('getConversations', {})).toBe('unauthenticated');
    }
    client.close();
    return answer;
  };

  it('a good one opens', async () => {
    expect(await opening(await sign(claims()))).toBe('no error');
  });

  it.each<[string, () => Promise<string> | string]>([
    ['garbage', () => 'garbage'],
    ['empty', () => ''],
    ['alg none', () => unsigned('none')],
    ['alg None', () => unsigned('None')],
    ['no signature', () => unsigned('HS256')],
    ['a swapped key', () => sign(claims(), 'HS256', Buffer.alloc(32, 8))],
    ['another algorithm of the same key', () => sign(claims(), 'HS512', Buffer.alloc(64, 7))],
    ['a changed payload', () => good.replace(/\.(.)/, (_all, first) => `.${first === 'e' ? 'f' : 'e'}`)],
    ['a cut signature', () => good.slice(0, -4)],
    ['expired', () => sign({ ...claims(), exp: Math.floor(Date.now() / 1000) - 1 })],
    ['not yet valid', () => sign({ ...claims(), nbf: Math.floor(Date.now() / 1000) + 60 })],
    ['another issuer', () => sign({ ...claims(), iss: 'other' })],
    ['another audience', () => sign({ ...claims(), aud: 'other' })],
    ['without an end', () => sign({ ...claims(), exp: undefined })],
    ['without a user', () => sign({ ...claims(), sub: undefined })],
    ['a user with foreign characters', () => sign({ ...claims(), sub: '../ann' })],
    ['a user that does not exist', () => sign({ ...claims(), sub: 'nobody' })],
  ])('%s: unauthenticated', async (_name, token) => {
    expect(await opening(await token())).toBe('unauthenticated');
  });

  it('params of session.open are checked', async () => {
    expect(await opening(5)).toBe('invalid_params token');
    expect(await opening(undefined)).toBe('invalid_params token');
    expect(await opening(good, 'd/1')).toBe('invalid_params deviceId');
    expect(await opening('x'.repeat(9000))).toBe('invalid_params token');
  });

  it('one that was revoked is refused, one issued later is not', async () => {
    const before = await sign({ ...claims(), iat: Date.now() / 1000 });
    const revokedAt = Date.now() + 1;
    server.mailboxes.mailbox('ann').amendAccount({ tokensValidFrom: revokedAt });
    expect(await opening(before)).toBe('unauthenticated');
    expect(await opening(await sign({ ...claims(), iat: revokedAt / 1000 }))).toBe('no error');
  });

  it('a token that ends while the session is open closes it with 4501', async () => {
    server.mailboxes.mailbox('ann').amendAccount({ tokensValidFrom: 0 });
    const token = await sign({ ...claims(), exp: Date.now() / 1000 + 1.2 });
    const client = await WireClient.open(server.wsUrl, token);
    expect((await client.closed).code).toBe(4501);
  });

  it('five wrong attempts end in 4502', async () => {
    const client = await WireClient.connect(server.wsUrl);
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(errorText(await client.call('session.open', { token: 'x', deviceId: 'd1' }))).toBe(
        'unauthenticated',
      );
    }
    expect((await client.closed).code).toBe(4502);
  });
});
