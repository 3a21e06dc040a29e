import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** A server process: where it listens, and when it started (0 where that is not known). */
export interface ServerName {
  readonly host: string;
  readonly port: number;
  readonly startCode: bigint;
  /** `host:port`: what connections are kept under. */
  readonly address: string;
}

export function serverName(host: string, port: number, startCode: bigint): ServerName {
  return { host, port, startCode, address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` };
}

/**
 * `host:port`, an IPv6 address in brackets.
 * @throws RangeError where the text is not an address
 */
export function parseServerAddress(address: string): ServerName {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535)
    throw new RangeError(`not a host:port address: ${address}`);
  return serverName(host, port, 0n);
}

export function writeServerName(out: ProtoWriter, field: number, server: ServerName): void {
  const open = out.open(field);
  out.text(1, server.host);
  out.uint(2, server.port);
  out.long(3, server.startCode);
  out.close(open);
}

/** Reads the ServerName that comes next. */
export function readServerName(reader: ProtoReader): ServerName {
  let host = '';
  let port = 0;
  let startCode = 0n;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) host = reader.text();
    else if (tag >>> 3 === 2) port = reader.uint();
    else if (tag >>> 3 === 3) startCode = reader.ulong();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return serverName(host, port, startCode);
}
