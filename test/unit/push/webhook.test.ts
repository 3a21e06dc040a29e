import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notice } from '../../../src/push/notice.ts';
import { newPushTally, type PushTally } from '../../../src/push/push-tally.ts';
import { Webhook, webhookSignature } from '../../../src/push/webhook.ts';
import { ManualTime } from '../../support/manual-time.ts';

const secret = Buffer.from('0123456789abcdef0123456789abcdef');

let server: Server;
let bodies: string[];
let signatures: (string | undefined)[];
/** The statuses of the next answers; then 204. `hang`: none. */
let statuses: (number | 'hang')[];
let time: ManualTime;
let tally: PushTally;
let troubles: string[];
let webhook: Webhook;

beforeEach(async () => {
  [bodies, signatures, statuses, troubles] = [[], [], [], []];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      signatures.push(request.headers['mailring-signature'] as string | undefined);
      const status = statuses.shift() ?? 204;
      if (status !== 'hang') response.writeHead(status, { location: '/' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  time = new ManualTime();
  tally = newPushTally();
  webhook = new Webhook({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/push`,
    ...{ secret, tally, time, random: () => 0.5 },
    onTrouble: (error) => troubles.push(String(error)),
  });
});
afterEach(async () => {
  webhook.stop();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

const notice = (userId: string, unread = 1): Notice => ({
  ...{ userId, unread, conversationId: `dm:${userId}:zoe`, name: 'Zoe', from: 'zoe', preview: 'hi' },
  timestamp: 7,
});
const noticesOf = (body = ''): Notice[] => (JSON.parse(body) as { notices: Notice[] }).notices;
const until = (what: () => unknown, value: unknown) => expect.poll(what, { timeout: 20_000 }).toEqual(value);
const delivered = (count: number) => until(() => tally.delivered, count);
const failed = (count: number) => until(() => tally.failedRequests, count);

describe('the push webhook', () => {
  it('delivers what waits in batches, signed with the time', async () => {
    for (let number = 0; number < 230; number++) webhook.add(notice(`u${number}`));
    await delivered(230);
    const sizes = bodies.map((body) => noticesOf(body).length);
    expect(sizes).toEqual([1, 100, 100, 29]);
    expect(noticesOf(bodies[0])).toEqual([notice('u0')]);
    expect(signatures[0]).toBe(webhookSignature(secret, time.wallMs(), bodies[0] ?? ''));
    expect(webhookSignature(secret, 1, 'x')).toBe(
      't=1,v1=8067a00a664b4f016775f95f3be661716a8710ddf6292575e6b815bf088e2275',
    );
  });

  it('tells about a user once, with the latest, where more came meanwhile', async () => {
    webhook.add(notice('ann', 1));
    for (const unread of [2, 3, 4]) webhook.add(notice('bob', unread));
    await delivered(2);
    expect(bodies.map((body) => noticesOf(body).map(({ userId, unread }) => [userId, unread]))).toEqual([
      [['ann', 1]],
      [['bob', 4]],
    ]);
  });

  it.each([500, 503, 429, 408, 302])('tries again after %s, later and later', async (status) => {
    statuses = [status, status];
    webhook.add(notice('ann'));
    await failed(1);
    expect(webhook.waiting).toBe(1);
    time.advance(749);
    expect(bodies).toHaveLength(1);
    time.advance(1);
    await failed(2);
    time.advance(1_499);
    expect(bodies).toHaveLength(2);
    time.advance(1);
    await delivered(1);
    expect(troubles).toHaveLength(2);
  });

  it('gives up where the receiver never answers in time, and tries again', async () => {
    statuses = ['hang'];
    webhook.add(notice('ann'));
    await until(() => bodies.length, 1);
    time.advance(10_000);
    await failed(1);
    time.advance(1_000);
    await delivered(1);
  });

  it('takes a refusal for an answer, and says so', async () => {
    statuses = [401];
    webhook.add(notice('ann'));
    await until(() => tally.dropped, 1);
    expect(troubles[0]).toContain('401');
    webhook.add(notice('bob'));
    await delivered(1);
    expect(bodies).toHaveLength(2);
  });

  it('drops what is no news any more', async () => {
    statuses = [503, 503];
    webhook.add(notice('ann'));
    await failed(1);
    time.advance(15 * 60_000);
    await failed(2);
    expect(tally).toMatchObject({ delivered: 0, dropped: 1 });
    expect(webhook.waiting).toBe(0);
  });

  it('a later notice is not replaced by the earlier one of a request that failed', async () => {
    statuses = [503];
    webhook.add(notice('ann', 1));
    webhook.add(notice('ann', 2));
    await failed(1);
    time.advance(1_000);
    await delivered(1);
    expect(noticesOf(bodies.at(-1))).toEqual([notice('ann', 2)]);
  });

  it('G10: keeps ten thousand users and counts the others', async () => {
    statuses = ['hang'];
    webhook.add(notice('first'));
    await until(() => bodies.length, 1);
    for (let number = 0; number < 10_002; number++) webhook.add(notice(`u${number}`));
    webhook.add(notice('u5', 9));
    expect(webhook.waiting).toBe(10_000);
    expect(tally.dropped).toBe(2);
  });
});
