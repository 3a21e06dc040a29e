import { ProtoError } from './proto-reader.ts';
import type { ProtoReader } from './proto-reader.ts';
import { metaTable, readRegionInfo, regionLocation } from './region.ts';
import type { RegionLocation } from './region.ts';
import { CallError } from './rpc-call.ts';
import type { RpcRequest } from './rpc-call.ts';
import { readServerName } from './server-name.ts';
import type { ServerName } from './server-name.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * The way into a cluster without ZooKeeper: any master or region server tells where meta and the active master are
 * (`ClientMetaService`). Starts from the configured servers and learns the others from the cluster.
 */
export class Registry {
  readonly #surroundings: Surroundings;
  readonly #seeds: readonly ServerName[];
  #learned: readonly ServerName[] = [];
  #learnedMs = -Infinity;
  #learning = false;
  /** Who answered last; asked first next time. */
  #preferred: ServerName | undefined;
  #meta: RegionLocation | undefined;
  #metaLookup: Promise<RegionLocation> | undefined;
  #master: ServerName | undefined;
  #masterLookup: Promise<ServerName> | undefined;

  constructor(surroundings: Surroundings, seeds: readonly ServerName[]) {
    this.#surroundings = surroundings;
    this.#seeds = seeds;
  }

  /** Where hbase:meta is. @throws CallError */
  async metaLocation(): Promise<RegionLocation> {
    if (this.#meta) return this.#meta;
    this.#metaLookup ??= this.#ask(metaLocationRequest)
      .then((meta) => (this.#meta = meta))
      .finally(() => (this.#metaLookup = undefined));
    return this.#metaLookup;
  }

  /** Forgets this very location: meta did not answer there. */
  forgetMeta(location: RegionLocation): void {
    if (this.#meta === location) this.#meta = undefined;
  }

  /** The active master. @throws CallError */
  async activeMaster(): Promise<ServerName> {
    if (this.#master) return this.#master;
    this.#masterLookup ??= this.#ask(activeMasterRequest)
      .then((master) => (this.#master = master))
      .finally(() => (this.#masterLookup = undefined));
    return this.#masterLookup;
  }

  forgetMaster(master: ServerName): void {
    if (this.#master === master) this.#master = undefined;
  }

  /** The servers that can be asked, the most promising first. */
  candidates(): ServerName[] {
    const all = new Map<string, ServerName>();
    const first = this.#preferred ? [this.#preferred] : [];
    for (const server of [...first, ...this.#shuffled(this.#learned), ...this.#shuffled(this.#seeds)]) {
      if (!all.has(server.address)) all.set(server.address, server);
    }
    return [...all.values()];
  }

  /** Asks one server after the other. @throws CallError of the last one, when none answers */
  async #ask<T>(request: RpcRequest<T>): Promise<T> {
    let failure: unknown;
    for (const server of this.candidates()) {
      const deadline = this.#surroundings.time.monotonicMs() + this.#surroundings.limits.lookupTimeoutMs;
      try {
        const answer = await this.#surroundings.channel(server, 'ClientMetaService').call(request, deadline);
        this.#preferred = server;
        this.#learn(server);
        return answer;
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        failure = error;
        if (this.#preferred === server) this.#preferred = undefined;
      }
    }
    throw failure;
  }

  /** Renews the list of servers in the background; the old list stays in use where that fails. */
  #learn(server: ServerName): void {
    const { time, limits } = this.#surroundings;
    const now = time.monotonicMs();
    if (this.#learning || now - this.#learnedMs < limits.serverListMaxAgeMs) return;
    this.#learning = true;
    this.#surroundings
      .channel(server, 'ClientMetaService')
      .call(bootstrapNodesRequest, now + limits.lookupTimeoutMs)
      .then(
        (servers) => {
          this.#learned = servers;
          this.#learnedMs = time.monotonicMs();
        },
        (error: unknown) => {
          // Nobody waits for this; the next look-up tries again.
          if (!(error instanceof CallError)) throw error;
        },
      )
      .finally(() => {
        this.#learning = false;
      });
  }

  #shuffled(servers: readonly ServerName[]): ServerName[] {
    return servers
      .map((server) => ({ server, rank: this.#surroundings.random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ server }) => server);
  }
}

const metaLocationRequest: RpcRequest<RegionLocation> = {
  method: 'GetMetaRegionLocations',
  encode: () => undefined,
  decode: readMetaLocations,
};

const activeMasterRequest: RpcRequest<ServerName> = {
  method: 'GetActiveMaster',
  encode: () => undefined,
  decode: (answer) => {
    const master = readServerNames(answer, 1)[0];
    if (master === undefined) throw new ProtoError('there is no active master');
    return master;
  },
};

const bootstrapNodesRequest: RpcRequest<ServerName[]> = {
  method: 'GetBootstrapNodes',
  encode: () => undefined,
  decode: (answer) => readServerNames(answer, 1),
};

function readServerNames(reader: ProtoReader, field: number): ServerName[] {
  const servers: ServerName[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === field) servers.push(readServerName(reader));
    else reader.skip(tag);
  }
  return servers;
}

/** The primary of GetMetaRegionLocationsResponse. */
function readMetaLocations(reader: ProtoReader): RegionLocation {
  let meta: RegionLocation | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) meta = readMetaLocation(reader) ?? meta;
    else reader.skip(tag);
  }
  if (meta === undefined) throw new ProtoError(`no server has ${metaTable} open`);
  return meta;
}

function readMetaLocation(reader: ProtoReader): RegionLocation | undefined {
  let server: ServerName | undefined;
  let primary = true;
  let regionId = 1n;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) {
      const inner = reader.enter();
      const info = readRegionInfo(reader);
      reader.leave(inner);
      primary = info.replicaId === 0;
      regionId = info.regionId;
    } else if (tag >>> 3 === 2) {
      server = readServerName(reader);
    } else {
      reader.skip(tag);
    }
  }
  reader.leave(outer);
  if (server === undefined || !primary) return undefined;
  const everything = Buffer.alloc(0);
  const info = {
    table: metaTable,
    regionId,
    startKey: everything,
    endKey: everything,
    offline: false,
    split: false,
    replicaId: 0,
  };
  return regionLocation(info, Buffer.from(`${metaTable},,${regionId}`, 'latin1'), server, 0n);
}
