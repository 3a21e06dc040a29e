import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { CryptoKey } from 'jose';
import { expect, it } from 'vitest';
import { JwtChecker } from '../../../src/accounts/jwt-checker.ts';
import { ManualTime } from '../../support/manual-time.ts';

it('what was being verified when a key was withdrawn is not remembered', async () => {
  const time = new ManualTime();
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const key = (await importJWK(await exportJWK(publicKey), 'ES256')) as CryptoKey;
  let asked = 0;
  let whenAsked: () => void = () => undefined;
  const checker = new JwtChecker(
    {
      ...{ issuer: 'i', audience: 'a', algorithms: ['ES256'], userClaim: 'sub' },
      keyFor: async () => {
        asked += 1;
        whenAsked();
        return Promise.resolve(key);
      },
    },
    time,
  );
  const seconds = Math.floor(time.wallMs() / 1000);
  const token = await new SignJWT({ sub: 'ann', iss: 'i', aud: 'a', iat: seconds, exp: seconds + 60 })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(privateKey);
  whenAsked = () => {
    whenAsked = () => undefined;
    checker.forget();
  };
  await checker.verify(token);
  await checker.verify(token);
  expect(asked).toBe(2);
  await checker.verify(token);
  expect(asked).toBe(2);
});
