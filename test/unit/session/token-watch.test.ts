import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import type { ChangeListener, MailboxPort } from '../../../src/router/mailbox-port.ts';
import { TokenWatch } from '../../../src/session/token-watch.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

class Stand {
  readonly time = new VirtualTime();
  checks = 0;
  endings = 0;
  failure: ProtocolError | undefined;
  #listener: ChangeListener = () => undefined;
  readonly withdrawn = new Set<() => void>();
  readonly watch: TokenWatch;

  constructor() {
    const mailbox: MailboxPort = Object.assign(
      Object.create(new FakeMailboxes().mailbox('ann')) as MailboxPort,
      {
        subscribe: (listener: ChangeListener) => {
          this.#listener = listener;
          return () => {
            this.#listener = () => undefined;
          };
        },
      },
    );
    const authenticate = async () => {
      this.checks++;
      if (this.failure !== undefined) throw this.failure;
      return { userId: 'ann', tokenId: 't', issuedAtMs: 0, expiresAtMs: 1 };
    };
    const onWithdrawn = (listener: () => void) => {
      this.withdrawn.add(listener);
      return () => this.withdrawn.delete(listener);
    };
    this.watch = new TokenWatch({
      ...{ token: 't', mailbox, accounts: { authenticate, onWithdrawn }, time: this.time, timeoutMs: 1_000 },
      random: () => 0.5,
      ended: () => {
        this.endings++;
      },
    });
  }

  hear(count = 1, hasUnlisted = true): void {
    const changes = [{ cursor: 'b', kind: 'contact', userId: 'bob', removed: true }] as const;
    for (let n = 0; n < count; n++) this.#listener({ previous: 'a', head: 'b', changes, hasUnlisted });
  }
}

describe('the token of an open session', () => {
  test('is looked at again after commits that may have revoked it, many of them at once, whatever came along', async () => {
    const stand = new Stand();
    await stand.time.run(1_000);
    expect(stand.checks).toBe(1);
    stand.hear(50, false);
    await stand.time.run(1_000);
    expect(stand.checks).toBe(1);
    stand.hear(50);
    await stand.time.run(1_000);
    expect(stand.checks).toBe(2);
    expect(stand.endings).toBe(0);
    stand.failure = new ProtocolError('unauthenticated', 'revoked');
    stand.hear();
    await stand.time.run(1_000);
    expect(stand.endings).toBe(1);
  });

  test('a check that could not be made is made later; a stopped one never', async () => {
    const stand = new Stand();
    stand.failure = new ProtocolError('unavailable', 'away');
    await stand.time.run(1_000);
    expect([stand.checks, stand.endings]).toEqual([1, 0]);
    stand.failure = new ProtocolError('unauthenticated', 'revoked');
    await stand.time.run(6_000);
    expect(stand.endings).toBe(1);
    stand.hear();
    stand.watch.stop();
    await stand.time.run(10_000);
    expect(stand.endings).toBe(1);
  });

  test('is looked at when a key of the issuer was withdrawn, some time later; a revocation does not wait for that', async () => {
    const stand = new Stand();
    const withdraw = () => {
      for (const listener of stand.withdrawn) listener();
    };
    await stand.time.run(1_000);
    withdraw();
    await stand.time.run(29_000);
    expect(stand.checks).toBe(1);
    await stand.time.run(2_000);
    expect(stand.checks).toBe(2);
    withdraw();
    stand.hear();
    await stand.time.run(1_000);
    expect(stand.checks).toBe(3);
    stand.watch.stop();
    expect(stand.withdrawn.size).toBe(0);
  });
});
