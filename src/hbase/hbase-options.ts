import type { ConnectionOptions } from 'node:tls';
import type { Backoff } from '../std/backoff.ts';
import type { Dial } from './wire.ts';
import type { Time } from '../std/time.ts';

/** Every limit of this client, with its unit. */
export interface HBaseLimits {
  /** Calls a server has to answer at one time; HBase refuses at about 300 waiting ones. */
  readonly inFlightPerServerMax: number;
  /** Calls that wait for a place in flight, a server; above it calls fail as `overloaded`. */
  readonly queuedPerServerMax: number;
  /** A request frame; larger ones are `refused` unsent. */
  readonly requestBytesMax: number;
  /** An answer frame; a server that announces more is cut off. */
  readonly responseBytesMax: number;
  readonly connectTimeoutMs: number;
  /** A server that sends no byte for so long while calls wait is probed ... */
  readonly silenceMs: number;
  /** ... and cut off if it stays silent for so long after that. */
  readonly probeTimeoutMs: number;
  /** One question to meta or to the registry; the caller's deadline may span many. */
  readonly lookupTimeoutMs: number;
  /** Between tries of one call. */
  readonly retry: Backoff;
  /** Between connection attempts to one server. */
  readonly reconnect: Backoff;
  /** How old the list of servers, that the cluster itself gave, may become. */
  readonly serverListMaxAgeMs: number;
  /** Actions in one `multi`; larger batches are cut. */
  readonly actionsPerMultiMax: number;
  /** Cells' bytes that one page of a scan may hold before it returns early. */
  readonly scanPageBytesMax: number;
}

export const defaultHBaseLimits: HBaseLimits = {
  inFlightPerServerMax: 200,
  queuedPerServerMax: 4000,
  requestBytesMax: 16 * 1024 * 1024,
  responseBytesMax: 128 * 1024 * 1024,
  connectTimeoutMs: 3000,
  silenceMs: 5000,
  probeTimeoutMs: 3000,
  lookupTimeoutMs: 3000,
  retry: { baseMs: 10, maxMs: 1000 },
  reconnect: { baseMs: 50, maxMs: 2000 },
  serverListMaxAgeMs: 300_000,
  actionsPerMultiMax: 1000,
  scanPageBytesMax: 2 * 1024 * 1024,
};

export interface HBaseOptions {
  /** Any masters or region servers of the cluster, `host:port`; one live one is enough to find the rest. */
  readonly servers: readonly string[];
  /** The user HBase sees. There is no authentication beyond this name: Kerberos clusters answer `refused`. */
  readonly effectiveUser?: string;
  readonly limits?: Partial<HBaseLimits>;
  /** TLS to every server, as `node:tls` takes it (`ca`, `cert`, `key`, ...). Plain TCP without. */
  readonly tls?: ConnectionOptions;
  readonly time?: Time;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** How byte streams are opened, in place of TCP or TLS. */
  readonly dial?: Dial;
}
