import { expect, it } from 'vitest';
import { Accounts } from '../../../src/accounts/accounts.ts';
import { PasswordHasher } from '../../../src/accounts/password-hash.ts';
import { derivedSigningKey } from '../../../src/accounts/signing-key.ts';
import { TokenService } from '../../../src/accounts/token-service.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { SessionHost, type Closable } from '../../../src/session/session-host.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';
import { userRates } from '../../../src/session/user-rates.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { nobodyThere } from '../../support/nobody-there.ts';
import { ManualTime } from '../../support/manual-time.ts';

it('where a user may have one connection the newest is counted, sent away and dismissed like any other', () => {
  const time = new ManualTime();
  const settings = loadSettings({ preset: { limits: { connectionsPerUserMax: 1 } } });
  const directory = new FakeMailboxes();
  const accounts = new Accounts({
    directory,
    issuer: {
      kind: 'own',
      hasher: new PasswordHasher({
        cost: { n: 2, r: 1, p: 1 },
        concurrentMax: 2,
        randomBytes: (size) => Buffer.alloc(size),
      }),
      tokens: new TokenService(derivedSigningKey(Buffer.alloc(32)), 1_000, time),
    },
    time,
  });
  const logger = createLogger('silent', 'n1');
  const metrics = new NodeMetrics();
  const host = new SessionHost({
    ...{ settings, directory, presence: nobodyThere, accounts, metrics, logger, time, random: () => 0 },
    userRates: userRates(settings.limits),
  });
  const happened: string[] = [];
  const sessionOf = (name: string): Closable => {
    const session: Closable = {
      close: () => {
        happened.push(`${name} closed`);
        host.dismiss('ann', session);
      },
      sendAway: () => happened.push(`${name} sent away`),
      stay: () => happened.push(`${name} stays`),
      push: () => true,
    };
    return session;
  };
  host.admit('ann', sessionOf('first'));
  const second = sessionOf('second');
  host.admit('ann', second);
  expect(host.openCount).toBe(1);
  directory.move('ann', { nodeId: 'n2', url: 'ws://n2', epoch: 2 });
  host.dismiss('ann', second);
  expect(happened).toEqual(['first closed', 'second sent away']);
  expect(host.openCount).toBe(0);
});
