import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchKeySet } from '../../../src/accounts/fetch-key-set.ts';
import { JwksIssuer } from '../../../src/accounts/jwks-issuer.ts';
import { systemTime } from '../../../src/std/time.ts';
import { KeyPublisher } from '../../support/key-publisher.ts';
import { ManualTime } from '../../support/manual-time.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

let publisher: KeyPublisher;
let time: ManualTime;
let troubles: unknown[];
let tokens: JwksIssuer;

beforeEach(async () => {
  publisher = await KeyPublisher.start();
  time = new ManualTime();
  troubles = [];
  tokens = newIssuer();
});
afterEach(() => publisher.stop());

function newIssuer(userClaim = 'sub'): JwksIssuer {
  const { issuer, audience } = publisher;
  const fetchKeys = (): ReturnType<typeof fetchKeySet> => fetchKeySet(publisher.url, systemTime);
  const onTrouble = (error: unknown): void => {
    troubles.push(error);
  };
  return new JwksIssuer({ issuer, audience, userClaim, fetchKeys, time, onTrouble });
}

const sign = (claims: Record<string, unknown>): Promise<string> => publisher.sign(claims, time.wallMs());
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function untilAsked(count: number): Promise<void> {
  while (publisher.asked < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('tokens of an external issuer', () => {
  it('are good for who they name, for as long as they say; the keys are fetched once', async () => {
    const iat = Math.floor(time.wallMs() / 1000);
    const token = await sign({ sub: 'ann', name: 'Ann' });
    const expected = {
      userId: 'ann',
      tokenId: expect.any(String) as unknown,
      name: 'Ann',
      issuedAtMs: iat * 1000,
      expiresAtMs: (iat + 3600) * 1000,
    };
    expect(await Promise.all([tokens.verify(token), tokens.verify(token)])).toEqual([expected, expected]);
    await tokens.verify(await sign({ sub: 'bob' }));
    expect(publisher.asked).toBe(1);
    time.advance(3_600_000);
    await expect(tokens.verify(token)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('may name the user in another claim', async () => {
    const verified = await newIssuer('mail_id').verify(await sign({ sub: 'auth|7', mail_id: 'ann' }));
    expect(verified.userId).toBe('ann');
  });

  it.each<[string, () => Promise<string> | string]>([
    ['of another issuer', () => sign({ sub: 'ann', iss: 'https://other.example/' })],
    ['for another service', () => sign({ sub: 'ann', aud: 'mail' })],
    ['that never end', () => sign({ sub: 'ann', exp: undefined })],
    ['of a time to come', () => sign({ sub: 'ann', nbf: time.wallMs() / 1000 + 600 })],
    ['that name nobody', () => sign({})],
    ['that name somebody impossible', () => sign({ sub: 'ann|1' })],
    [
      'without a signature',
      () =>
        `${encoded({ alg: 'none' })}.${encoded({ sub: 'ann', iss: publisher.issuer, aud: publisher.audience })}.`,
    ],
    ['that are no tokens', () => 'x.y.z'],
  ])('%s are refused', async (_name, token) => {
    await expect(tokens.verify(await token())).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('signed with a public key as if it were a secret are refused', async () => {
    const { keys } = await fetchKeySet(publisher.url, systemTime);
    const { exp, ...claims } = {
      sub: 'ann',
      iss: publisher.issuer,
      aud: publisher.audience,
      iat: 1,
      exp: 9e9,
    };
    const body = `${encoded({ alg: 'HS256', kid: keys[0]?.kid })}.${encoded({ ...claims, exp })}`;
    const signature = createHmac('sha256', JSON.stringify(keys[0])).update(body).digest('base64url');
    await expect(tokens.verify(`${body}.${signature}`)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });
});

describe('keys of an external issuer', () => {
  it('are fetched anew for an id that is not known yet, and not at the pace of those who make ids up', async () => {
    await tokens.verify(await sign({ sub: 'ann' }));
    await publisher.addKey();
    const rotated = await sign({ sub: 'ann' });
    await expect(tokens.verify(rotated)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(publisher.asked).toBe(1);
    time.advance(5_000);
    expect(await tokens.verify(rotated)).toMatchObject({ userId: 'ann' });
    expect(publisher.asked).toBe(2);
  });

  it('that were withdrawn are good for ten minutes and no longer, also for tokens that were seen', async () => {
    const old = await sign({ sub: 'ann', exp: time.wallMs() / 1000 + 86_400 });
    await tokens.verify(old);
    await publisher.addKey();
    publisher.withdrawOldKeys();
    time.advance(10 * minuteMs);
    await tokens.verify(old);
    await untilAsked(2);
    await expect
      .poll(
        () =>
          tokens.verify(old).then(
            () => 'good',
            () => 'refused',
          ),
        { timeout: 20_000 },
      )
      .toBe('refused');
  });

  it('that were withdrawn in a quiet night are not good for the first token of the morning', async () => {
    const old = await sign({ sub: 'ann', exp: time.wallMs() / 1000 + 86_400 });
    await tokens.verify(await sign({ sub: 'bob' }));
    await publisher.addKey();
    publisher.withdrawOldKeys();
    time.advance(20 * minuteMs);
    await expect(tokens.verify(old)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('that are the same as before cost nobody anything, whoever makes ids up', async () => {
    const token = await sign({ sub: 'ann' });
    const verified = await tokens.verify(token);
    time.advance(5_000);
    const [, ...rest] = token.split('.');
    const madeUp = [encoded({ alg: 'ES256', kid: 'made-up' }), ...rest].join('.');
    await expect(tokens.verify(madeUp)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(publisher.asked).toBe(2);
    expect(await tokens.verify(token)).toBe(verified);
  });

  it('are asked for while sessions are open, and who listens hears of one that was withdrawn, not of others', async () => {
    let withdrawals = 0;
    const cancel = tokens.onWithdrawn(() => (withdrawals += 1));
    const old = await sign({ sub: 'ann', exp: time.wallMs() / 1000 + 86_400 });
    await tokens.verify(old);
    await publisher.addKey();
    time.advance(10 * minuteMs);
    await untilAsked(2);
    await tokens.verify(await sign({ sub: 'ann' }));
    expect(withdrawals).toBe(0);
    publisher.withdrawOldKeys();
    time.advance(11 * minuteMs);
    await expect.poll(() => withdrawals, { timeout: 20_000 }).toBe(1);
    await expect(tokens.verify(old)).rejects.toMatchObject({ kind: 'unauthenticated' });
    cancel();
    const { asked } = publisher;
    time.advance(21 * minuteMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(publisher.asked).toBe(asked);
  });

  it.each<[string, { status: number; body: string }]>([
    ['fails', { status: 500, body: '' }],
    ['sends elsewhere', { status: 302, body: '' }],
    ['talks nonsense', { status: 200, body: '<html>' }],
    ['publishes no keys', { status: 200, body: '{}' }],
    ['does not end', { status: 200, body: ' '.repeat(2 * 1024 * 1024) }],
  ])('last a day where the issuer %s; then tokens can be tried again', async (_name, outage) => {
    const token = await sign({ sub: 'ann', exp: time.wallMs() / 1000 + 10 * 86_400 });
    await tokens.verify(token);
    publisher.outage = outage;
    time.advance(dayMs - 1);
    expect(await tokens.verify(token)).toMatchObject({ userId: 'ann' });
    await expect.poll(() => troubles.length, { timeout: 20_000 }).toBe(1);
    time.advance(5_000);
    await expect(tokens.verify(token)).rejects.toMatchObject({ kind: 'unavailable' });
    const asked = publisher.asked;
    const again = tokens.verify(token);
    await expect(again).rejects.toMatchObject({ kind: 'unavailable', details: { retryAfterMs: 5_000 } });
    expect(publisher.asked).toBe(asked);
    publisher.outage = undefined;
    time.advance(5_000);
    expect(await tokens.verify(token)).toMatchObject({ userId: 'ann' });
  });

  it('that could never be fetched: nobody is let in, everybody may come back', async () => {
    publisher.outage = { status: 503, body: '' };
    await expect(tokens.verify(await sign({ sub: 'ann' }))).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
