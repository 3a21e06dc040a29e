import { randomBytes } from 'node:crypto';
import { Accounts } from '../../src/accounts/accounts.ts';
import { PasswordHasher } from '../../src/accounts/password-hash.ts';
import { signingKeyOf } from '../../src/accounts/signing-key.ts';
import type { SigningKey } from '../../src/accounts/signing-key.ts';
import { TokenService } from '../../src/accounts/token-service.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { SessionSettings } from '../../src/session/session-host.ts';
import { userRates } from '../../src/session/user-rates.ts';
import { systemTime } from '../../src/std/time.ts';
import type { Time } from '../../src/std/time.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../src/telemetry/node-metrics.ts';
import { FakeMailboxes } from './fake-mailboxes.ts';
import { nobodyThere } from './nobody-there.ts';

type Groups = { readonly [Key in keyof SessionSettings]?: Partial<SessionSettings[Key]> };

const settingsFor = (change: Groups): SessionSettings => ({
  id: 'n1',
  session: {
    routing: 'redirect',
    moveSpreadMs: 0,
    openTimeoutMs: 10_000,
    heartbeatMs: 30_000,
    writeBufferBytesMax: 1_048_576,
    stalledMs: 60_000,
    ...change.session,
  },
  limits: {
    textBytesMax: 8192,
    frameBytesMax: 65_536,
    batchMax: 64,
    membersMax: 1000,
    membersPerCallMax: 1000,
    conversationsMax: 10_000,
    connectionsMax: 1000,
    connectionsPerUserMax: 32,
    requestsPerSecondPerUser: 100_000,
    openingsPerMinutePerUser: 100_000,
    accountsPerMinutePerAddress: 100_000,
    loginsPerMinutePerAddress: 100_000,
    loginsPerMinutePerUser: 100_000,
    ...change.limits,
  },
  request: { deadlineMs: 5_000, ...change.request },
  dedup: { windowMs: 86_400_000, aheadMs: 300_000, ...change.dedup },
});

/** A gateway on a free port of this machine, over mailboxes in memory. */
export interface TestGateway {
  readonly mailboxes: FakeMailboxes;
  readonly metrics: NodeMetrics;
  readonly tokens: TokenService;
  readonly key: SigningKey;
  readonly gateway: Gateway;
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** Creates the account and returns a token for it. */
  user(userId: string): Promise<string>;
  stop(): Promise<void>;
}

export const testKeyText = JSON.stringify({ kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') });

export async function startTestGateway(
  change: Groups = {},
  webDir?: string,
  origins: readonly string[] = [],
  time: Time = systemTime,
): Promise<TestGateway> {
  const mailboxes = new FakeMailboxes();
  const metrics = new NodeMetrics();
  const key = await signingKeyOf(testKeyText, 'test');
  const tokens = new TokenService(key, 3_600_000, systemTime);
  const hasher = new PasswordHasher({ cost: { n: 16, r: 8, p: 1 }, concurrentMax: 2, randomBytes });
  const accounts = new Accounts({
    directory: mailboxes,
    issuer: { kind: 'own', tokens, hasher },
    time: systemTime,
  });
  const settings = settingsFor(change);
  const gateway = new Gateway({
    settings,
    userRates: userRates(settings.limits),
    directory: mailboxes,
    accounts,
    presence: nobodyThere,
    metrics,
    logger: createLogger('silent', 'n1'),
    time,
    random: Math.random,
    ...(webDir !== undefined && { webDir }),
    origins,
  });
  const port = await gateway.start({ host: '127.0.0.1', port: 0 });
  return {
    mailboxes,
    metrics,
    tokens,
    key,
    gateway,
    httpUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/v1/ws`,
    user: async (userId) => {
      const account = { name: userId, createdAt: 0, passwordHash: '', tokensValidFrom: 0 };
      await mailboxes.mailbox(userId).call('createAccount', account);
      return (await tokens.issue(userId)).token;
    },
    stop: () => gateway.stop(),
  };
}
