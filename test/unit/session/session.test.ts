import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { Accounts } from '../../../src/accounts/accounts.ts';
import { PasswordHasher } from '../../../src/accounts/password-hash.ts';
import { derivedSigningKey } from '../../../src/accounts/signing-key.ts';
import { TokenService } from '../../../src/accounts/token-service.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { jsonEncoding } from '../../../src/gateway/json-encoding.ts';
import type { DeviceConnection } from '../../../src/session/device-connection.ts';
import { Session } from '../../../src/session/session.ts';
import { SessionHost } from '../../../src/session/session-host.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';
import { userRates } from '../../../src/session/user-rates.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { nobodyThere } from '../../support/nobody-there.ts';
import { ManualTime } from '../../support/manual-time.ts';

const settings = loadSettings({});
const elsewhere = { nodeId: 'n2', url: 'ws://n2', epoch: 2 };

let time: ManualTime;
let directory: FakeMailboxes;
let tokens: TokenService;
let host: SessionHost;
let session: Session;
let closed: number[];
let isRead: boolean;
let lost: string[];

beforeEach(async () => {
  time = new ManualTime();
  // Tokens are checked by the clock of the machine.
  time.offsetMs = Date.now();
  directory = new FakeMailboxes();
  const account = { name: 'Ann', createdAt: 0, passwordHash: '', tokensValidFrom: 0 };
  await directory.mailbox('ann').call('createAccount', account);
  tokens = new TokenService(derivedSigningKey(Buffer.alloc(32)), 3_600_000, time);
  const hasher = new PasswordHasher({
    concurrentMax: 2,
    cost: { n: 2, r: 1, p: 1 },
    randomBytes: (size) => Buffer.alloc(size),
  });
  const accounts = new Accounts({ directory, issuer: { kind: 'own', hasher, tokens }, time });
  host = new SessionHost({
    ...{ settings, directory, presence: nobodyThere, accounts, time, random: () => 0.5 },
    userRates: userRates(settings.limits),
    lost: (userId, quietMs) => lost.push(`${userId} ${quietMs}`),
    ...{ logger: createLogger('silent', 'n1'), metrics: new NodeMetrics() },
  });
  closed = [];
  lost = [];
  isRead = true;
  const connection: DeviceConnection = {
    ...{ encoding: jsonEncoding, send: () => undefined, hasRoom: () => true },
    setBusy: (busy) => (isRead = !busy),
    ...{ pushBatch: () => true, pushChange: () => true, opened: () => undefined },
    close: (code) => closed.push(code),
    quietMs: () => 7,
  };
  session = new Session(host, connection);
});

async function open(): Promise<void> {
  const { token } = await tokens.issue('ann');
  session.receive({ jsonrpc: '2.0', id: 1, method: 'session.open', params: { token, deviceId: 'd1' } });
  while (session.inFlight > 0) await turn();
}

const tick = (): void => {
  session.tick(time.monotonicMs(), time.wallMs());
};

it('G10: attempts that may be tried again do not prolong the time in which a session has to be open', async () => {
  directory.move('ann', elsewhere);
  time.advance(settings.session.openTimeoutMs - 1);
  await open();
  tick();
  expect(closed).toEqual([]);
  time.advance(1);
  tick();
  expect(closed).toEqual([4502]);
});

it('G10: after twenty attempts that failed the connection is closed, also where they may be tried again', async () => {
  directory.move('ann', elsewhere);
  for (let attempt = 0; attempt < 19; attempt++) await open();
  expect(closed).toEqual([]);
  await open();
  expect(closed).toEqual([4502]);
});

it('G10: who sends frames that cannot be served is read less and less, and shown out in the end', () => {
  const nobody = (): void => session.receive({ jsonrpc: '2.0', id: 1, method: 'getProfile', params: {} });
  for (let count = 0; count < 100; count++) nobody();
  expect(isRead).toBe(true);
  nobody();
  expect(isRead).toBe(false);
  time.advance(250);
  expect(isRead).toBe(true);

  // What came in one piece is answered all the same.
  for (let count = 101; count < 1_999; count++) nobody();
  expect(isRead).toBe(false);
  expect(closed).toEqual([]);
  nobody();
  expect(closed).toEqual([4004]);
});

it('a device that was to go stays where its user has come back to before it went', async () => {
  await open();
  expect(session.isOpen).toBe(true);
  directory.move('ann', elsewhere);
  directory.move('ann', undefined);
  time.advance(settings.session.moveSpreadMs + 5_000);
  expect(closed).toEqual([]);

  directory.move('ann', elsewhere);
  time.advance(settings.session.moveSpreadMs + 5_000);
  expect(closed).toEqual([4001]);
});

it.each<[string, readonly string[], () => void]>([
  ['misses heartbeats', ['ann 7'], () => session.close(4003, '')],
  ['takes no data', ['ann 7'], () => session.close(4002, '')],
  ['is gone without a word', ['ann 7'], () => session.end(true)],
  ['says goodbye', [], () => session.end(false)],
  ['is sent away', [], () => session.close(4001, '')],
])('a device that %s: whether it was lost, once', async (_how, expected, leave) => {
  await open();
  leave();
  session.end(true);
  expect(lost).toEqual(expected);
});
