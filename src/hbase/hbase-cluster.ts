import type { Time } from '../std/time.ts';
import { systemTime } from '../std/time.ts';
import { HBaseError } from './hbase-error.ts';
import { defaultHBaseLimits } from './hbase-options.ts';
import type { HBaseLimits, HBaseOptions } from './hbase-options.ts';
import { RegionLocator } from './region-locator.ts';
import { Registry } from './registry.ts';
import type { ServiceName } from './rpc-call.ts';
import { RpcChannel } from './rpc-channel.ts';
import { parseServerAddress } from './server-name.ts';
import type { ServerName } from './server-name.ts';
import type { Surroundings } from './surroundings.ts';
import { dialTcp, dialTls } from './wire.ts';
import type { Dial } from './wire.ts';

/** What the doors share: the connections to a cluster and the knowledge of where things are in it. */
export class HBaseCluster implements Surroundings {
  readonly limits: HBaseLimits;
  readonly time: Time;
  readonly random: () => number;
  readonly registry: Registry;
  readonly locator: RegionLocator;
  readonly #user: string;
  readonly #dial: Dial;
  readonly #channels: Readonly<Record<ServiceName, Map<string, RpcChannel>>> = {
    ClientService: new Map(),
    ClientMetaService: new Map(),
    MasterService: new Map(),
  };
  #closed = false;

  /** @throws HBaseError `refused` where a server address cannot be read, or there is none */
  constructor(options: HBaseOptions) {
    this.limits = { ...defaultHBaseLimits, ...options.limits };
    this.time = options.time ?? systemTime;
    this.random = options.random ?? Math.random;
    this.#user = options.effectiveUser ?? 'hbase';
    this.#dial = options.dial ?? (options.tls ? dialTls(options.tls) : dialTcp);
    this.registry = new Registry(this, seedsOf(options.servers));
    this.locator = new RegionLocator(this, this.registry);
  }

  channel(server: ServerName, service: ServiceName): RpcChannel {
    const known = this.#channels[service].get(server.address);
    if (known) return known;
    const { limits, time, random } = this;
    const channel = new RpcChannel({
      server,
      service,
      user: this.#user,
      limits,
      dial: this.#dial,
      time,
      random,
    });
    if (this.#closed) channel.close();
    else this.#channels[service].set(server.address, channel);
    return channel;
  }

  /** Each connection's state and load, by `service host:port`. */
  channelStatus(): Map<string, RpcChannel['status']> {
    return new Map(
      Object.entries(this.#channels).flatMap(([service, channels]) =>
        [...channels].map(([address, channel]) => [`${service} ${address}`, channel.status] as const),
      ),
    );
  }

  close(): void {
    this.#closed = true;
    for (const channels of Object.values(this.#channels)) {
      for (const channel of channels.values()) channel.close();
      channels.clear();
    }
  }
}

function seedsOf(servers: readonly string[]): ServerName[] {
  if (servers.length === 0) throw new HBaseError('refused', 'no HBase server is named');
  try {
    return servers.map(parseServerAddress);
  } catch (error) {
    throw new HBaseError('refused', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
