import Type from 'typebox';
import type { Static } from 'typebox';
import {
  address,
  amount,
  anyPath,
  group,
  hostAndPort,
  optionalPath,
  optionalText,
  text,
} from './setting-shapes.ts';

/*
 * The one table of everything that can be set: name, range, default and meaning. Flags, variables, the files in
 * config/ and docs/configuration.md are derived from it. Units stand last in a name, before `Max` and `Per…`.
 */

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;
const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;
const million = 1_000_000;

export const settingsSchema = group('Settings of a node.', {
  mode: Type.Enum(['development', 'production'], {
    default: 'development',
    description: '`production` refuses what is only good enough for trying out.',
  }),
  id: text(
    'n1',
    '1 to 64 of A-Z a-z 0-9 _ -',
    /^[A-Za-z0-9_-]{1,64}$/,
    'Name of this node, unique in its cluster and kept over restarts.',
  ),
  listen: address(
    '127.0.0.1:7400',
    'Where clients connect: WebSocket, HTTP and the web page. Port 0 takes a free one.',
  ),
  ops: address(
    '127.0.0.1:7500',
    'Health, readiness, metrics, and the control API for operators; not for the public.',
  ),
  peer: address('127.0.0.1:7600', 'Where the other nodes of the cluster connect.'),
  advertise: optionalText(
    'ws://… or wss://…',
    /^wss?:\/\/[^\s/]+(\/\S*)?$/,
    'The address under which clients reach this node, as told to clients that are sent here. Default: that of `listen`.',
  ),
  data: text(
    '.data',
    'a path',
    anyPath,
    'Folder of the embedded store and of what development makes by itself.',
  ),
  redis: optionalText(
    'redis://… or rediss://…',
    /^rediss?:\/\/\S+$/,
    'Redis of the cluster: signs of life and news of ring changes. Default: the store does that, more slowly.',
  ),
  clusterSecretFile: optionalPath(
    'File with the secret that the nodes of a cluster share (at least 32 bytes). Default: made in the data folder.',
  ),
  operatorTokenFile: optionalPath(
    'File with the token that operators show to change the ring (at least 32 characters). Default: made in the data folder.',
  ),

  peerTls: group(
    'TLS between the nodes, all of these files or none; the runbook says how to make and to renew them.',
    {
      certFile: optionalPath(
        'Certificate of this node (PEM; intermediate ones after it). The three files are read again every minute.',
      ),
      keyFile: optionalPath('Private key of that certificate (PEM, without a passphrase).'),
      caFile: optionalPath(
        'Certificates of the authority that signs those of the nodes and of nobody else (PEM); several while it is replaced.',
      ),
    },
  ),
  store: group('Where mailboxes are kept.', {
    kind: Type.Enum(['hbase', 'lmdb', 'memory'], {
      default: 'lmdb',
      description: '`lmdb`: embedded, one machine. `hbase`: a cluster. `memory`: forgets, for tests.',
    }),
    deadlineMs: amount(
      5 * seconds,
      10,
      5 * minutes,
      'Time for one operation of the store, its retries included.',
    ),
  }),
  hbase: group('Used with store.kind `hbase`.', {
    servers: Type.Array(Type.String({ pattern: hostAndPort.source }), {
      default: [],
      title: 'host:port,host:port,…',
      description: 'Any masters or region servers to begin with; the rest is found from there.',
    }),
    namespace: text('mailring', 'letters, digits, _', /^[A-Za-z0-9_]+$/, 'HBase namespace of the tables.'),
    regionCount: amount(16, 1, 4096, 'Regions that `schema apply` makes; HBase splits them as they grow.'),
    compression: Type.Enum(['NONE', 'SNAPPY', 'LZ4', 'ZSTD', 'GZ'], {
      default: 'NONE',
      description: 'Compression of the tables that `schema apply` makes; the servers must have its codec.',
    }),
    durability: Type.Enum(['SYNC_WAL', 'FSYNC_WAL'], {
      default: 'SYNC_WAL',
      description:
        'What durable means for the tables that `schema apply` makes: `SYNC_WAL`, in the memory of the ' +
        "file system's nodes; `FSYNC_WAL`, on their disks.",
    }),
    inFlightMaxPerServer: amount(
      200,
      1,
      10_000,
      'Calls under way at one region server; a default server refuses at about 300 waiting calls.',
    ),
  }),

  ring: group('The nodes of a cluster and who owns whom.', {
    leaseMs: amount(
      6 * seconds,
      500,
      5 * minutes,
      'How long a node may answer from memory without asking the store; the same on all nodes. A node that is silent ' +
        'in every way is removed after one and a half of that.',
    ),
    signMs: amount(
      200,
      20,
      minutes,
      'Between two signs of life, at most a third of the lease; a node whose process has ended is removed after two.',
    ),
    aloneMs: amount(
      20 * seconds,
      0,
      60 * minutes,
      'How long most nodes have to be silent in every way until one that is left removes them; five leases at least.',
    ),
    removalWindowMs: amount(
      minutes,
      0,
      60 * minutes,
      'Between automatic removals of one dead node, or of a tenth of the nodes.',
    ),
    stopMs: amount(
      8 * seconds,
      0,
      10 * minutes,
      'At SIGTERM: how long a node takes at most to hand its users over and to send their devices after them.',
    ),
    handoffBytesPerSecond: amount(
      32 * mib,
      64 * kib,
      4096 * mib,
      'State that a node sends ahead to others in a second when users move, so that others are not held up.',
    ),
    prepareMs: amount(
      minutes,
      seconds,
      60 * minutes,
      'For sending ahead what moves; after it a change of the ring is given up, and nothing has moved.',
    ),
  }),

  log: group('Structured logs on standard output.', {
    level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      default: 'info',
      description: 'Least severe level that is logged.',
    }),
  }),
  web: group('The web client.', {
    enabled: Type.Boolean({ default: true, description: 'Serve the web client at `/`.' }),
    origins: Type.Array(Type.String({ pattern: String.raw`^(\*|https?://[^\s/,]+)$` }), {
      default: [],
      title: 'https://host,…, or *',
      description: 'Origins of other web pages that may use the HTTP interface (CORS); `*`: all.',
    }),
  }),

  commit: group('One commit of a mailbox: everything that waited while the last one was in flight.', {
    bytesMax: amount(1 * mib, 64 * kib, 8 * mib, 'Bytes in one commit.'),
    inputsMax: amount(256, 1, 10_000, 'Inputs in one commit.'),
    changesMax: amount(512, 1, 10_000, 'Changes of the feed in one commit.'),
    deadlineMs: amount(
      8 * seconds,
      10,
      5 * minutes,
      'Time for one commit, conflicts and attempts of unknown fate included.',
    ),
  }),
  cache: group('Mailboxes in memory.', {
    budgetBytes: amount(
      256 * mib,
      1 * mib,
      1024 * gib,
      'Memory for mailboxes on this node; beyond it they are evicted.',
    ),
    recentMs: amount(
      24 * hours,
      0,
      30 * days,
      'Messages younger than this are preferred to be kept in memory.',
    ),
    loadsAtOnceMax: amount(
      64,
      1,
      10_000,
      'Mailboxes read from the store at once, as after another node has died; others wait their turn.',
    ),
    loadsWaitingMax: amount(
      2048,
      1,
      million,
      'Mailboxes that wait to be read from the store; beyond it callers get `overloaded`, and when to come back.',
    ),
  }),
  inbox: group('Inputs that wait for a mailbox.', {
    inputsMax: amount(1024, 1, million, 'Inputs waiting at one mailbox; beyond it callers get `overloaded`.'),
  }),
  outbox: group('What a mailbox owes to others.', {
    pendingMax: amount(
      1000,
      1,
      million,
      'Messages of a conversation whose copy for the sender is not confirmed; beyond it sends get `overloaded`.',
    ),
  }),
  groups: group('Groups; how large one may be is `limits.membersMax`.', {
    fanOutMembersMax: amount(
      500,
      1,
      million,
      'A group with more members than these is large, for good: its messages are written to no mailbox, members read ' +
        'them in the group.',
    ),
    pendingMax: amount(
      10_000,
      1,
      million,
      'Messages of a group that the mailbox of some member does not know of; beyond it sends get `overloaded`.',
    ),
    largePerUserMax: amount(100, 1, 10_000, 'Large groups of a user: all are asked when the list is read.'),
    receiptMembersMax: amount(
      100,
      0,
      million,
      'Members of a group that are told how far each other has read; in a larger one only `getMembers` shows it.',
    ),
  }),

  session: group('One connection of a device.', {
    routing: Type.Enum(['redirect', 'proxy'], {
      default: 'redirect',
      description:
        '`redirect`: devices are sent to the node that owns their user. `proxy`: every node serves every device, ' +
        'for clients behind one load balancer.',
    }),
    moveSpreadMs: amount(
      2 * seconds,
      0,
      10 * minutes,
      'When users move to another node, their devices are sent after them within this time, each at its own moment.',
    ),
    openTimeoutMs: amount(
      10 * seconds,
      100,
      10 * minutes,
      'Time to call `session.open`; then close code 4502.',
    ),
    heartbeatMs: amount(
      30 * seconds,
      100,
      10 * minutes,
      'Interval of pings; a client that stops answering gets close code 4003.',
    ),
    writeBufferBytesMax: amount(
      1 * mib,
      16 * kib,
      64 * mib,
      'Bytes waiting for a slow socket; beyond it pushes pause and go on from the cursor later.',
    ),
    stalledMs: amount(
      60 * seconds,
      100,
      60 * minutes,
      'Time a socket may take no data before close code 4002.',
    ),
  }),
  limits: group('What clients may ask for.', {
    textBytesMax: amount(8 * kib, 1, 1 * mib, 'Bytes (UTF-8) in the text of a message.'),
    frameBytesMax: amount(64 * kib, 1 * kib, 16 * mib, 'Bytes in a frame or a request body.'),
    batchMax: amount(64, 1, 1000, 'Calls in a batch.'),
    membersMax: amount(100_000, 2, million, 'Members of a group.'),
    membersPerCallMax: amount(1000, 1, 10_000, 'Users named in one call about the members of a group.'),
    conversationsMax: amount(10_000, 1, million, 'Conversations of a user.'),
    connectionsMax: amount(50_000, 1, million, 'Client connections of this node.'),
    connectionsPerUserMax: amount(32, 1, 100_000, 'Connections of one user.'),
    requestsPerSecondPerUser: amount(
      100,
      1,
      million,
      'Sustained calls of one user; short bursts may be higher.',
    ),
    openingsPerMinutePerUser: amount(
      120,
      1,
      million,
      "Sessions that the devices of one user open; a minute's worth may come at once.",
    ),
    accountsPerMinutePerAddress: amount(10, 1, million, 'Registrations from one address.'),
    loginsPerMinutePerAddress: amount(30, 1, million, 'Log-ins from one address.'),
    loginsPerMinutePerUser: amount(20, 1, million, 'Log-ins to one account, whoever tries; at each node.'),
  }),
  request: group('One call of a client.', {
    deadlineMs: amount(
      10 * seconds,
      100,
      10 * minutes,
      'Time for an answer; then the call fails as `unavailable`.',
    ),
  }),
  auth: group('Tokens.', {
    tokenLifetimeMs: amount(30 * days, 1 * minutes, 3650 * days, 'How long a token is good for.'),
    signingKeyFile: optionalPath(
      'File with the key that signs tokens, the same on all nodes. Default: derived from the cluster secret, or made in the data folder.',
    ),
    issuer: optionalText(
      'the text of the `iss` claim',
      /^\S+$/,
      'An external issuer of tokens, with auth.jwksUrl: registration and log-in here are off, a first valid token makes the user.',
    ),
    jwksUrl: optionalText(
      'https://… or http://…',
      /^https?:\/\/[^\s/]+(\/\S*)?$/,
      'Where the external issuer publishes its keys (JWKS).',
    ),
    audience: text(
      'mailring',
      'a text without spaces',
      /^\S+$/,
      'The `aud` of tokens of the external issuer.',
    ),
    userClaim: text(
      'sub',
      'the name of a claim',
      /^\S+$/,
      'The claim of an external token that has the user id (1 to 64 of A-Z a-z 0-9 _ -).',
    ),
  }),
  push: group('Waking devices that are not connected: a webhook to whoever can reach them.', {
    url: optionalText(
      'https://… or http://…',
      /^https?:\/\/[^\s/]+(\/\S*)?$/,
      'Where to POST that users without a connected device have unread messages. Default: nobody is told.',
    ),
    secretFile: optionalPath(
      'File with the secret that signs these requests (at least 32 bytes), shared with the receiver.',
    ),
    delayMs: amount(
      3 * seconds,
      0,
      10 * minutes,
      'How long after a message a device may come back and fetch it by itself.',
    ),
    preview: Type.Boolean({ default: true, description: 'Send the beginning of the newest message along.' }),
  }),
  dedup: group('How repeats of a send are recognised.', {
    windowMs: amount(
      24 * hours,
      1 * minutes,
      25 * hours,
      'Age of a messageId up to which a repeat is recognised.',
    ),
    aheadMs: amount(5 * minutes, 0, 60 * minutes, 'How far ahead of this clock a messageId may be.'),
  }),
});

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** All settings of a node, checked; see `settingsSchema` for meanings and units. */
export type Settings = DeepReadonly<Static<typeof settingsSchema>>;

/** Some settings, to be laid over the defaults. */
export type SettingsOverride = DeepPartial<Settings>;
type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;
