import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSigningKey, readSigningKey, signingKeyOf } from '../../../src/accounts/signing-key.ts';
import type { SigningKey } from '../../../src/accounts/signing-key.ts';
import { TokenService } from '../../../src/accounts/token-service.ts';
import { ManualTime } from '../../support/manual-time.ts';

let folder: string;
let key: SigningKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-keys-'));
  key = await openSigningKey(join(folder, 'data'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the signing key', () => {
  it('is made once, for its owner only, and is the same for all that start at once', async () => {
    const data = join(folder, 'shared');
    const keys = await Promise.all(Array.from({ length: 8 }, () => openSigningKey(data)));
    const time = new ManualTime();
    const { token } = await new TokenService(keys[0]!, 1000, time).issue('ann');
    for (const other of keys) {
      expect(await new TokenService(other, 1000, time).verify(token)).toMatchObject({ userId: 'ann' });
    }
    expect(await readdir(data)).toEqual(['signing-key.json']);
    expect((await stat(join(data, 'signing-key.json'))).mode & 0o777).toBe(0o600);
  });

  it('is read from a file in production', async () => {
    const again = await readSigningKey(join(folder, 'data/signing-key.json'));
    expect(again.algorithm).toBe('EdDSA');
  });

  it.each([
    ['no JSON', '-----BEGIN PRIVATE KEY-----'],
    ['a public key', '{"kty":"OKP","crv":"Ed25519","x":"AAAA"}'],
    ['an RSA key', '{"kty":"RSA","n":"AQAB","e":"AQAB"}'],
    ['a short secret', '{"kty":"oct","k":"c2hvcnQ"}'],
    ['null', 'null'],
  ])('%s is refused, and the file is named', async (_name, text) => {
    await expect(signingKeyOf(text, 'key.json')).rejects.toThrow('key.json');
  });
});

describe('TokenService', () => {
  it('verifies what it issued, until it ends, from memory or not', async () => {
    const time = new ManualTime();
    const tokens = new TokenService(key, 60_000, time);
    const { token, expiresAt } = await tokens.issue('ann');
    expect(expiresAt).toBe(time.wallMs() + 60_000);
    const verified = await tokens.verify(token);
    expect(verified).toEqual({
      userId: 'ann',
      tokenId: expect.any(String) as unknown,
      issuedAtMs: time.wallMs(),
      expiresAtMs: expiresAt,
    });
    expect(await tokens.verify(token)).toBe(verified);
    time.advance(60_000);
    await expect(tokens.verify(token)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await expect(new TokenService(key, 60_000, time).verify(token)).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
  });

  it('keeps milliseconds: what was issued just before a revocation can be told from what came after', async () => {
    const time = new ManualTime();
    const tokens = new TokenService(key, 60_000, time);
    time.advance(123);
    const first = await tokens.verify((await tokens.issue('ann')).token);
    time.advance(1);
    const second = await tokens.verify((await tokens.issue('ann')).token);
    expect(second.issuedAtMs - first.issuedAtMs).toBeCloseTo(1, 3);
  });

  it('refuses the public key as a secret, another key pair, and a header that says none', async () => {
    const time = new ManualTime();
    const tokens = new TokenService(key, 60_000, time);
    const claims = {
      sub: 'ann',
      iss: 'mailring',
      aud: 'mailring',
      iat: time.wallMs() / 1000,
      exp: time.wallMs() / 1000 + 9,
    };
    const publicText = JSON.parse(await readFile(join(folder, 'data/signing-key.json'), 'utf8')) as {
      x: string;
    };
    const asSecret = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(publicText.x, 'base64url'));
    const { privateKey } = await generateKeyPair('EdDSA');
    const swapped = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
    const right = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(key.signWith);
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${right.split('.')[1]!}.`;
    expect(await tokens.verify(right)).toMatchObject({ userId: 'ann' });
    for (const forged of [asSecret, swapped, none, `${right}=`, right.toUpperCase()]) {
      await expect(tokens.verify(forged)).rejects.toMatchObject({ kind: 'unauthenticated' });
    }
  });
});
