import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Accounts } from './accounts/accounts.ts';
import { developmentCost, PasswordHasher, productionCost } from './accounts/password-hash.ts';
import { openSigningKey, readSigningKey } from './accounts/signing-key.ts';
import { TokenService } from './accounts/token-service.ts';
import { newActorTally, type ActorTally } from './actor/actor-tally.ts';
import type { EnvelopePort } from './actor/mailbox-host.ts';
import { MailboxRegistry, type RegistryHost } from './actor/mailbox-registry.ts';
import { OutboxSweeper } from './actor/outbox-sweeper.ts';
import { soleTenure } from './actor/tenure.ts';
import { OpsServer } from './admin/ops-server.ts';
import { parseHostPort } from './config/host-port.ts';
import type { Settings } from './config/settings.ts';
import { Gateway } from './gateway/gateway.ts';
import { LocalRouter } from './router/local-router.ts';
import { rowHashCount } from './row/row-key.ts';
import type { RowStore } from './row/row-store.ts';
import { RowVersionSource } from './row/row-version.ts';
import { systemTime } from './std/time.ts';
import { openTable, withHBaseSchema, type TablePorts } from './store/open-table.ts';
import { VersionedStore } from './store/versioned-store.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';
import { NodeMetrics } from './telemetry/node-metrics.ts';
import { observeMetrics } from './telemetry/observed-metrics.ts';

/** A node that serves. */
export interface RunningNode {
  /** Base address for clients, as in `http://127.0.0.1:7400`. */
  readonly url: string;
  /** Answers what is under way, closes the sessions, then the store. Bounded in time. */
  stop(): Promise<void>;
}

/** Times of background work, ms. */
const outboxTiming = { settleAfterMs: 2_000, retryMaxMs: 60_000, clearAfterMs: 15_000, confirmAfterMs: 500 };
const sweepTiming = { everyMs: 600_000, pagePauseMs: 3_000 };
/** Messages in one envelope: what fits a commit beside others. */
const envelopeMax = 128;

const time = systemTime;
const random = Math.random;

/** Where `npm run build:web` puts the web client: beside the sources as beside the compiled files. */
function webDir(settings: Settings): { webDir?: string } {
  const built = ['../dist/web', './web'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const dir = built.find((path) => existsSync(join(path, 'index.html')));
  return settings.web.enabled && dir !== undefined ? { webDir: dir } : {};
}

function tablePorts(logger: Logger): TablePorts {
  const onBackgroundError = (error: Error): void => {
    logger.error({ err: error }, 'background work of the store failed');
  };
  return { time, random, onBackgroundError };
}

/** What `mailring schema` does; every text is for people. */
export interface Schema {
  apply(): Promise<string>;
  show(): Promise<string>;
}

const schemaMaxMs = 120_000;

/** Calls `act` with the schema of the HBase that the settings name, for at most `maxMs`. Rejects with StoreError. */
export async function withSchema(
  settings: Settings,
  act: (schema: Schema) => Promise<string>,
  maxMs = schemaMaxMs,
): Promise<string> {
  const ports = tablePorts(createLogger(settings.log.level, settings.id));
  const deadline = time.monotonicMs() + maxMs;
  return withHBaseSchema(settings, ports, (schema) =>
    act({
      apply: async () => (await schema.apply(deadline)).join('\n'),
      show: async () => (await schema.show(deadline)).join('\n'),
    }),
  );
}

function registryHost(
  settings: Settings,
  store: RowStore,
  tally: ActorTally,
  envelopes: EnvelopePort,
  logger: Logger,
): RegistryHost {
  const { commit, inbox, outbox, limits, dedup, store: storeSettings } = settings;
  return {
    store,
    time,
    random,
    tenure: soleTenure,
    envelopes,
    tally,
    actorLimits: {
      inboxInputsMax: inbox.inputsMax,
      commitInputsMax: commit.inputsMax,
      commitBytesMax: commit.bytesMax,
      commitChangesMax: commit.changesMax,
      commitDeadlineMs: commit.deadlineMs,
    },
    mailboxLimits: {
      conversationsMax: limits.conversationsMax,
      outboxPendingMax: outbox.pendingMax,
      dedupWindowMs: dedup.windowMs,
    },
    sendingLimits: {
      waitingMax: inbox.inputsMax,
      envelopeMax,
      backgroundDeadlineMs: commit.deadlineMs + storeSettings.deadlineMs,
    },
    outboxTiming,
    alarm: (error, what) => {
      logger.error({ err: error, what }, 'an input could not be processed');
    },
  };
}

function observeActors(metrics: NodeMetrics, cache: MailboxRegistry, tally: ActorTally): void {
  const counter = (name: string, help: string, read: () => number) =>
    ({ kind: 'counter', name: `mailring_${name}_total`, help, read }) as const;
  const gauge = (name: string, help: string, read: () => number) =>
    ({ kind: 'gauge', name: `mailring_${name}`, help, read }) as const;
  observeMetrics(metrics.registry, [
    gauge('cache_bytes', 'Memory taken by mailboxes (estimated).', () => cache.stats.bytes),
    gauge('cache_mailboxes', 'Mailboxes in memory.', () => cache.stats.mailboxes),
    counter('cache_hits', 'Reads of a mailbox answered from memory.', () => tally.queryHits),
    counter('cache_misses', 'Reads of a mailbox that had to ask the store.', () => tally.queryMisses),
    counter('cache_evicted_tiers', 'Steps of eviction within a mailbox.', () => cache.stats.evictedTiers),
    counter('cache_evicted_mailboxes', 'Mailboxes evicted.', () => cache.stats.evictedMailboxes),
    counter('mailbox_activations', 'Mailboxes read into memory.', () => tally.activations),
    counter('mailbox_freshness_checks', 'Version checks against the store.', () => tally.freshnessChecks),
    counter('commits', 'Commits that are durable.', () => tally.commits),
    counter('committed_inputs', 'Inputs in durable commits.', () => tally.committedInputs),
    counter('commit_conflicts', 'Commits that another writer came before.', () => tally.conflicts),
    counter('commit_failures', 'Commits that failed.', () => tally.failedCommits),
  ]);
}

async function openAccounts(settings: Settings, router: LocalRouter): Promise<Accounts> {
  const { signingKeyFile, tokenLifetimeMs } = settings.auth;
  const key =
    signingKeyFile === undefined ? await openSigningKey(settings.data) : await readSigningKey(signingKeyFile);
  const hasher = new PasswordHasher({
    cost: settings.mode === 'production' ? productionCost : developmentCost,
    randomBytes,
  });
  const tokens = new TokenService(key, tokenLifetimeMs, time);
  return new Accounts({ directory: router, hasher, tokens, time });
}

function openSweeper(
  settings: Settings,
  store: RowStore,
  registry: MailboxRegistry,
  logger: Logger,
): OutboxSweeper {
  const everything = { fromHash: 0, toHash: rowHashCount };
  return new OutboxSweeper(
    everything,
    {
      store,
      time,
      random,
      wake: (userId, deadline) => registry.mailbox(userId).wake(deadline),
      failed: (error) => {
        logger.warn({ err: error }, 'the scan for owed copies failed and will be tried again');
      },
    },
    { ...sweepTiming, deadlineMs: settings.store.deadlineMs },
  );
}

/** The only place that knows every room. Rejects where a part cannot start; nothing is left open then. */
export async function startNode(settings: Settings): Promise<RunningNode> {
  const logger = createLogger(settings.log.level, settings.id);
  const metrics = new NodeMetrics();
  await mkdir(settings.data, { recursive: true });
  const store = new VersionedStore({
    table: openTable(settings, join(settings.data, 'rows'), tablePorts(logger)),
    versions: new RowVersionSource(randomBytes(8)),
    time,
    random,
  });
  const tally = newActorTally();
  const envelopes: EnvelopePort = {
    request: (to, envelope, deadline) => router.request(to, envelope, deadline),
  };
  const registry = new MailboxRegistry(
    registryHost(settings, store, tally, envelopes, logger),
    settings.cache,
  );
  const router = new LocalRouter(registry);
  observeActors(metrics, registry, tally);
  const sweeper = openSweeper(settings, store, registry, logger);

  let unreadyReason: string | undefined = 'starting';
  const accounts = await openAccounts(settings, router);
  const gateway = new Gateway({
    settings,
    directory: router,
    accounts,
    metrics,
    logger,
    time,
    random,
    ...webDir(settings),
  });
  const ops = new OpsServer({ metrics, logger, unreadyReason: () => unreadyReason });
  const stop = async (): Promise<void> => {
    unreadyReason = 'stopping';
    sweeper.stop();
    await gateway.stop();
    await ops.stop();
    await store.close();
    logger.info('stopped');
  };
  try {
    const listen = parseHostPort(settings.listen);
    await ops.start(parseHostPort(settings.ops));
    const port = await gateway.start(listen);
    sweeper.start();
    unreadyReason = undefined;
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return { url: `http://${host}:${String(port)}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
