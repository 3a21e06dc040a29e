import type { Time } from '../std/time.ts';
import type { HBaseLimits } from './hbase-options.ts';
import type { ServiceName } from './rpc-call.ts';
import type { RpcChannel } from './rpc-channel.ts';
import type { ServerName } from './server-name.ts';

/** What everything here works with: limits, time, chance, and a channel to any server. */
export interface Surroundings {
  readonly limits: HBaseLimits;
  readonly time: Time;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The one channel to a service of a server; made when first asked for. */
  channel(server: ServerName, service: ServiceName): RpcChannel;
}
