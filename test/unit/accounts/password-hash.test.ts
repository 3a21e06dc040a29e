import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PasswordHasher, productionCost } from '../../../src/accounts/password-hash.ts';

const cost = { n: 16, r: 8, p: 1 };
const hasher = new PasswordHasher({ cost, concurrentMax: 2, randomBytes });

describe('PasswordHasher', () => {
  it('knows the right password, and no other', async () => {
    const encoded = await hasher.hash('correct horse');
    expect(encoded).toMatch(/^scrypt\$16\$8\$1\$/);
    expect(await hasher.verify('correct horse', encoded)).toBe(true);
    expect(await hasher.verify('correct horse ', encoded)).toBe(false);
    expect(await hasher.verify('', encoded)).toBe(false);
  });

  it('salts: one password has many hashes', async () => {
    expect(await hasher.hash('x')).not.toBe(await hasher.hash('x'));
  });

  it('takes the cost from the hash, so that it can be raised', async () => {
    const encoded = await new PasswordHasher({
      cost: { n: 32, r: 4, p: 2 },
      concurrentMax: 2,
      randomBytes,
    }).hash('x');
    expect(await hasher.verify('x', encoded)).toBe(true);
  });

  it('takes a password in any composition of its accents', async () => {
    expect(await hasher.verify('pa\u0308ss', await hasher.hash('p\u00e4ss'))).toBe(true);
  });

  it.each([undefined, '', 'scrypt', 'scrypt$16$8$1$x$y', 'plain$16$8$1$'])(
    '%j is no hash of anything',
    async (encoded) => {
      expect(await hasher.verify('', encoded)).toBe(false);
      expect(await hasher.verify('x', encoded)).toBe(false);
    },
  );

  it('an unknown user costs the time of a wrong password', async () => {
    const slow = new PasswordHasher({ cost: productionCost, concurrentMax: 2, randomBytes });
    const encoded = await slow.hash('x');
    const timed = async (run: () => Promise<unknown>): Promise<number> => {
      const startedMs = performance.now();
      for (let round = 0; round < 3; round++) await run();
      return performance.now() - startedMs;
    };
    const wrongMs = await timed(() => slow.verify('y', encoded));
    const unknownMs = await timed(() => slow.verify('y', undefined));
    expect(unknownMs / wrongMs).toBeGreaterThan(0.3);
    expect(unknownMs / wrongMs).toBeLessThan(3);
  });

  it('bounds what runs and what waits', async () => {
    const narrow = new PasswordHasher({ cost, concurrentMax: 1, waitingMax: 2, randomBytes });
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => narrow.hash(String(n))));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(outcomes[4]).toMatchObject({ reason: { kind: 'overloaded' } });
    expect(await narrow.hash('again')).toMatch(/^scrypt/);
  });
});
