/*
 * What the rooms above the mailbox cost: gateway and sessions over mailboxes that answer at once and keep nothing.
 * `node scripts/bench-gateway.ts [options of mailring bench]`; the load comes from a process of its own.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Accounts } from '../src/accounts/accounts.ts';
import { PasswordHasher } from '../src/accounts/password-hash.ts';
import { signingKeyOf } from '../src/accounts/signing-key.ts';
import { TokenService } from '../src/accounts/token-service.ts';
import { OpsServer } from '../src/admin/ops-server.ts';
import { benchCommand } from '../src/cli/bench-command.ts';
import { loadSettings } from '../src/config/load-settings.ts';
import { developmentPreset } from '../src/config/presets.ts';
import { Gateway } from '../src/gateway/gateway.ts';
import type { SendMessageParams, SendMessageResult } from '../src/protocol/calls.ts';
import { peerInDm } from '../src/protocol/conversation-id.ts';
import type { Message } from '../src/protocol/message.ts';
import type { CallName, ParamsOf, ResultOf } from '../src/mailbox/mailbox-calls.ts';
import type { Profile } from '../src/mailbox/mailbox-state.ts';
import type { ChangeListener, MailboxDirectory, UserPort } from '../src/router/mailbox-port.ts';
import { userRates } from '../src/session/user-rates.ts';
import { systemTime } from '../src/std/time.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { NodeMetrics } from '../src/telemetry/node-metrics.ts';
import { noGroup } from '../test/support/group-parts.ts';
import { nobodyThere } from '../test/support/nobody-there.ts';

const host = '127.0.0.1';

class InstantMailbox implements UserPort {
  readonly createGroup = noGroup;
  readonly callGroup = noGroup;
  readonly userId: string;
  readonly #directory: InstantMailboxes;
  readonly #listeners = new Set<ChangeListener>();
  #account: Profile | undefined;
  #position = 0;

  constructor(userId: string, directory: InstantMailboxes) {
    this.userId = userId;
    this.#directory = directory;
  }

  async call<Name extends CallName>(name: Name, params: ParamsOf<Name>): Promise<ResultOf<Name>> {
    return this.#answer(name, params);
  }

  #answer(name: CallName, params: unknown): object {
    switch (name as string) {
      case 'createAccount':
        this.#account = params as Profile;
        return {};
      case 'account':
        return { ...(this.#account && { profile: this.#account }) };
      case 'sendMessage':
        return this.#send(params as SendMessageParams);
      case 'getChanges':
        return { changes: [], cursor: String(this.#position), hasMore: false };
      default:
        throw new Error(`${name} is not part of this benchmark`);
    }
  }

  #send({ conversationId, messageId, text }: SendMessageParams): SendMessageResult {
    const peer = this.#directory.mailbox(peerInDm(conversationId, this.userId) ?? '');
    const timestamp = Date.now();
    const seq = peer.#position + 1;
    const message = { conversationId, seq, messageId, from: this.userId, text, timestamp };
    peer.#commit(message);
    this.#commit(message);
    return { conversationId, messageId, seq, timestamp, duplicate: false };
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #commit(message: Message): void {
    const previous = String(this.#position);
    this.#position += 1;
    const head = String(this.#position);
    const changes = [{ cursor: head, kind: 'message' as const, message }];
    for (const listener of this.#listeners) listener({ previous, head, changes, hasUnlisted: false });
  }
}

class InstantMailboxes implements MailboxDirectory {
  readonly elsewhere = () => undefined;
  readonly onMoves = () => () => undefined;
  readonly #mailboxes = new Map<string, InstantMailbox>();

  mailboxOfClient(userId: string): InstantMailbox {
    return this.mailbox(userId);
  }

  mailbox(userId: string): InstantMailbox {
    const known = this.#mailboxes.get(userId) ?? new InstantMailbox(userId, this);
    this.#mailboxes.set(userId, known);
    return known;
  }
}

async function serve(flags: readonly string[]): Promise<void> {
  const directory = new InstantMailboxes();
  const time = systemTime;
  const metrics = new NodeMetrics();
  const logger = createLogger('warn', 'bench');
  const key = await signingKeyOf(
    JSON.stringify({ kty: 'oct', k: randomBytes(32).toString('base64url') }),
    'bench',
  );
  const tokens = new TokenService(key, 3_600_000, time);
  const hasher = new PasswordHasher({ cost: { n: 16, r: 8, p: 1 }, concurrentMax: 2, randomBytes });
  const accounts = new Accounts({ directory, issuer: { kind: 'own', hasher, tokens }, time });
  const settings = loadSettings({ preset: developmentPreset });
  const gateway = new Gateway({
    ...{ settings, directory, presence: nobodyThere, accounts, metrics, logger, time, random: Math.random },
    userRates: userRates(settings.limits),
  });
  const ops = new OpsServer({ metrics, logger, time, unreadyReason: () => undefined });
  const port = await gateway.start({ host, port: 0 });
  const opsPort = await ops.start({ host, port: 0 });
  const addresses = ['--url', `ws://${host}:${port}`, '--ops', `http://${host}:${opsPort}`];
  const load = fork(import.meta.filename, ['load', ...addresses, ...flags]);
  await once(load, 'exit');
  await gateway.stop();
  await ops.stop();
}

const [role, ...flags] = process.argv.slice(2);
if (role === 'load') await benchCommand().parseAsync(flags, { from: 'user' });
else await serve(process.argv.slice(2));
