import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Accounts } from './accounts/accounts.ts';
import { openTokenIssuer } from './accounts/open-token-issuer.ts';
import { readOrCreateSecret } from './accounts/secret-file.ts';
import { OperatorToken } from './admin/operator-token.ts';
import { OpsServer } from './admin/ops-server.ts';
import { parseHostPort } from './config/host-port.ts';
import { productionWarnings } from './config/production-check.ts';
import type { Settings } from './config/settings.ts';
import { Gateway } from './gateway/gateway.ts';
import { defaultHandoffLimits } from './handoff/handoff-limits.ts';
import { observeMember, observePeerCertificates, observePush } from './member-metrics.ts';
import { MemberEvents } from './member-events.ts';
import { MailboxDraft } from './mailbox/mailbox-draft.ts';
import { emptyMailbox } from './mailbox/mailbox-state.ts';
import { stepCreateAccount } from './mailbox/step-create-account.ts';
import { MemberNode, type MemberNodeParts } from './member-node.ts';
import type { LeaseBoard } from './membership/lease-board.ts';
import { claimNode } from './membership/node-claim.ts';
import { RedisLeaseBoard } from './membership/redis-lease-board.ts';
import { StoreLeaseBoard } from './membership/store-lease-board.ts';
import { PeerCertificates } from './peer/peer-certificates.ts';
import { defaultPeerLimits } from './peer/peer-limits.ts';
import { tcpNetwork } from './peer/tcp-network.ts';
import { PushService } from './push/push-service.ts';
import type { RowStore } from './row/row-store.ts';
import type { ChargeUser } from './router/cluster-router.ts';
import { RowVersionSource } from './row/row-version.ts';
import { userRates } from './session/user-rates.ts';
import { systemTime } from './std/time.ts';
import { MeasuredStore } from './store/measured-store.ts';
import { openTable, withHBaseSchema, type TablePorts } from './store/open-table.ts';
import { VersionedStore } from './store/versioned-store.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';
import { NodeMetrics } from './telemetry/node-metrics.ts';

/** A node that serves. */
export interface RunningNode {
  /** Base address for clients, as in `http://127.0.0.1:7400`. */
  readonly url: string;
  /** Resolves with the reason where the node can serve no longer; it has to be stopped then. */
  readonly failed: Promise<string>;
  /**
   * Hands its users over and sends their devices after them, answers what is under way, closes what is left, leaves the
   * ring, then the store. Bounded in time.
   */
  stop(): Promise<void>;
  /** Bound of `stop`, ms. */
  readonly stopMaxMs: number;
}

/** Times of background work, ms. */
const outboxTiming = {
  settleAfterMs: 2_000,
  retryMaxMs: 60_000,
  clearAfterMs: 15_000,
  confirmAfterMs: 500,
  tellAfterMs: 50,
  tellGroupsAfterMs: 1_000,
};
const fanOutTiming = {
  ...{ retryFirstMs: 100, retryMaxMs: 10_000, clearAfterMs: 15_000 },
  ...{ enrolmentWaitMs: 2_000, roundMs: 15_000, receiptAfterMs: 500 },
};
const followTiming = {
  ...{ renewMs: 20_000, lastsMs: 60_000, retryFirstMs: 100, retryMaxMs: 5_000, askMs: 5_000 },
};
const sweepTiming = { everyMs: 600_000, pagePauseMs: 3_000 };
/** Messages in one envelope: what fits a commit beside others. */
const envelopeMax = 128;
/** The share of a lease by which the clocks of two nodes may disagree. */
const driftRatio = 0.1;
const secretBytesMin = 32;
/** To get into the ring, and out of it. */
const joinMs = 30_000;
const leaveMs = 5_000;
/** To close what is open, when the users are gone or nobody can take them. */
const closeMaxMs = 15_000;

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

/** Rows that are written at once: they share a sync of the disk. */
const seedsAtOnce = 512;
const seedMaxMs = 60_000;

/**
 * Writes accounts that nobody can log in to into the embedded store of a cluster that does not run: members of a bench
 * who are never there. Rejects with StoreError.
 */
export async function seedAccounts(settings: Settings, userIds: readonly string[]): Promise<void> {
  const folder = join(settings.data, 'rows');
  await mkdir(folder, { recursive: true });
  const store = new VersionedStore({
    table: openTable(settings, folder, tablePorts(createLogger(settings.log.level, settings.id))),
    versions: new RowVersionSource(randomBytes(8)),
    ...{ time, random },
  });
  const profile = { createdAt: time.wallMs(), passwordHash: '', tokensValidFrom: 0 };
  try {
    for (let from = 0; from < userIds.length; from += seedsAtOnce) {
      const deadline = time.monotonicMs() + seedMaxMs;
      const some = userIds.slice(from, from + seedsAtOnce).map(async (userId) => {
        const draft = new MailboxDraft(emptyMailbox(userId), time.wallMs());
        stepCreateAccount(draft, { name: userId, ...profile });
        await store.commit(userId, { base: undefined, epoch: 0, cells: draft.cells(1) }, deadline);
      });
      await Promise.all(some);
    }
  } finally {
    await store.close();
  }
}

function mailboxSettings(settings: Settings): MemberNodeParts['mailboxes'] {
  const { commit, inbox, outbox, groups, limits, dedup, store } = settings;
  return {
    actorLimits: {
      inboxInputsMax: inbox.inputsMax,
      commitInputsMax: commit.inputsMax,
      commitBytesMax: commit.bytesMax,
      commitChangesMax: commit.changesMax,
      commitDeadlineMs: commit.deadlineMs,
    },
    mailboxLimits: {
      conversationsMax: limits.conversationsMax,
      largeGroupsMax: groups.largePerUserMax,
      outboxPendingMax: outbox.pendingMax,
      dedupWindowMs: dedup.windowMs,
    },
    sendingLimits: {
      waitingMax: inbox.inputsMax,
      envelopeMax,
      backgroundDeadlineMs: commit.deadlineMs + store.deadlineMs,
    },
    outboxTiming,
    groupLimits: {
      membersMax: limits.membersMax,
      membersPerCallMax: limits.membersPerCallMax,
      fanOutMembersMax: groups.fanOutMembersMax,
      pendingMax: groups.pendingMax,
      dedupWindowMs: dedup.windowMs,
      receiptMembersMax: groups.receiptMembersMax,
    },
    fanOutTiming,
    followTiming,
  };
}

/** What the nodes of the cluster share; nodes on one data folder share one that is made there. */
async function clusterSecret(settings: Settings): Promise<Buffer> {
  const { clusterSecretFile, data } = settings;
  const path = clusterSecretFile ?? join(data, 'cluster-secret');
  const text =
    clusterSecretFile === undefined
      ? await readOrCreateSecret(path, () => Promise.resolve(`${randomBytes(32).toString('hex')}\n`))
      : await readFile(path, 'utf8');
  const secret = Buffer.from(text.trim());
  if (secret.length < secretBytesMin) {
    throw new Error(`${path}: a cluster secret has at least ${secretBytesMin} bytes (openssl rand -hex 32)`);
  }
  return secret;
}

/** Nodes on one data folder share the one that is made there. */
function openOperatorToken(settings: Settings): Promise<OperatorToken> {
  const { operatorTokenFile, data } = settings;
  return operatorTokenFile === undefined
    ? OperatorToken.open(data, randomBytes)
    : OperatorToken.read(operatorTokenFile);
}

function openBoard(
  settings: Settings,
  store: RowStore,
  { boardTrouble: onTrouble }: MemberEvents,
): LeaseBoard {
  const { redis, hbase } = settings;
  return redis === undefined
    ? new StoreLeaseBoard({ store, time, onTrouble })
    : new RedisLeaseBoard({ url: redis, keyPrefix: `mailring:${hbase.namespace}`, time, random, onTrouble });
}

/** Where clients are told to go; `port` is the one that was taken. */
function clientUrl(settings: Settings, host: string, port: number): string {
  return settings.advertise ?? `ws://${bracketed(host)}:${port}/v1/ws`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

interface Telemetry {
  readonly logger: Logger;
  readonly metrics: NodeMetrics;
}

/** The node without its doors, and what it stands on. */
interface OpenedMember {
  readonly member: MemberNode;
  readonly secret: Uint8Array;
  /** After the member has stopped. */
  readonly close: () => Promise<void>;
}

async function openMember(
  settings: Settings,
  { logger, metrics }: Telemetry,
  events: MemberEvents,
  charge: ChargeUser,
): Promise<OpenedMember> {
  const { id: nodeId, data: folder } = settings;
  const secret = await clusterSecret(settings);
  const certificates = await PeerCertificates.open(settings.peerTls, { time, ...events.certificates });
  if (certificates !== undefined) observePeerCertificates(metrics, certificates);
  const incarnationBytes = randomBytes(8);
  const incarnation = incarnationBytes.toString('hex');
  const claim = await claimNode({ folder, nodeId, incarnation });
  if (claim.obstacle !== undefined) {
    const why = 'earlier processes of this node may live: their lease is waited for';
    logger.info({ err: claim.obstacle }, why);
  }
  const versioned = new VersionedStore({
    table: openTable(settings, join(folder, 'rows'), tablePorts(logger)),
    versions: new RowVersionSource(incarnationBytes),
    ...{ time, random },
  });
  const store = new MeasuredStore(versioned, metrics.registry, time);
  const board = openBoard(settings, store, events);
  const member = new MemberNode({
    ...{ nodeId, incarnation, ended: claim.ended, store, board, secret, time, random },
    // Comparing versions is cheap where the store is embedded, and nobody waits for anybody then.
    readRule: settings.store.kind === 'hbase' ? 'held' : 'verified',
    leaseTerms: { leaseMs: settings.ring.leaseMs, driftRatio },
    removal: {
      ...{ signMs: settings.ring.signMs, aloneMs: settings.ring.aloneMs },
      windowMs: settings.ring.removalWindowMs,
    },
    network: tcpNetwork(certificates),
    entropy: randomBytes,
    peerLimits: defaultPeerLimits,
    mailboxes: mailboxSettings(settings),
    cache: settings.cache,
    handoff: {
      ...defaultHandoffLimits,
      prepareMs: settings.ring.prepareMs,
      bytesPerSecond: settings.ring.handoffBytesPerSecond,
    },
    sweeping: { ...sweepTiming, deadlineMs: settings.store.deadlineMs },
    ...{ events, charge },
  });
  certificates?.watch();
  const close = async (): Promise<void> => {
    certificates?.stop();
    await board.close();
    await store.close();
    await claim.release();
  };
  return { member, secret, close };
}

async function openPush(
  settings: Settings,
  { registry, router }: MemberNode,
  { logger, metrics }: Telemetry,
): Promise<PushService | undefined> {
  const isHeard = registry.isWatched.bind(registry);
  const push = await PushService.open(settings, { directory: router, isHeard, time, random, logger });
  if (push === undefined) return undefined;
  registry.onUnheard(push.unheard.bind(push));
  observePush(metrics, push);
  return push;
}

/** The only place that knows every room. Rejects where a part cannot start; nothing is left open then. */
export async function startNode(settings: Settings): Promise<RunningNode> {
  const logger = createLogger(settings.log.level, settings.id);
  for (const warning of productionWarnings(settings)) logger.warn(warning);
  const metrics = new NodeMetrics();
  await mkdir(settings.data, { recursive: true });
  const failed = Promise.withResolvers<string>();
  const sinks = { logger, registry: metrics.registry, monotonicMs: () => time.monotonicMs() };
  const events = new MemberEvents(sinks, () => {
    failed.resolve('another process was started under the id of this node');
  });
  const rates = userRates(settings.limits);
  const charge: ChargeUser = (userId) => rates.take(userId, time.monotonicMs());
  const { member, secret, close } = await openMember(settings, { logger, metrics }, events, charge);
  observeMember(metrics, member);

  const stopMaxMs = settings.ring.stopMs + closeMaxMs;
  let isStopping = false;
  const unreadyReason = (): string | undefined => {
    if (isStopping) return 'stopping';
    if (!member.isMember) return 'not in the ring';
    const { unreachedBy } = member;
    return unreachedBy.length === 0 ? undefined : `not reached by any other node (${unreachedBy.join(', ')})`;
  };
  const { router } = member;
  const issuer = await openTokenIssuer(settings, { clusterSecret: secret, time, logger });
  const accounts = new Accounts({ directory: router, issuer, time });
  const push = await openPush(settings, member, { logger, metrics });
  const gateway = new Gateway({
    ...{ settings, directory: router, presence: member.presence, accounts, metrics, logger, time, random },
    userRates: rates,
    lost: (userId, quietMs) => push?.lost(userId, quietMs),
    ...webDir(settings),
    origins: settings.web.origins,
  });
  const operatorToken = await openOperatorToken(settings);
  const { control } = member;
  const ops = new OpsServer({ metrics, logger, time, unreadyReason, operatorToken, control });
  const stop = async (): Promise<void> => {
    isStopping = true;
    // Served all the time, here or over links by those who have taken over; doors close when nobody is behind them.
    const untilMs = time.monotonicMs() + settings.ring.stopMs;
    if (await member.handOver(untilMs)) await gateway.emptied(untilMs - time.monotonicMs());
    await gateway.stop();
    push?.stop();
    await member.stop(time.monotonicMs() + leaveMs);
    await ops.stop();
    await close();
    logger.info('stopped');
  };
  try {
    const { host } = parseHostPort(settings.listen);
    await ops.start(parseHostPort(settings.ops));
    const port = await gateway.start(parseHostPort(settings.listen));
    const addresses = { clientUrl: clientUrl(settings, host, port), peer: parseHostPort(settings.peer) };
    await member.start(addresses, time.monotonicMs() + joinMs);
    return { url: `http://${bracketed(host)}:${String(port)}`, failed: failed.promise, stop, stopMaxMs };
  } catch (error) {
    await stop();
    throw error;
  }
}
