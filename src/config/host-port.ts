/** The two halves of an address such as `127.0.0.1:7400` or `[::1]:7400`. */
export interface HostPort {
  /** Name or address, without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
}

/** Splits a `host:port` that the schema of settings let through; throws RangeError for any other text. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw new RangeError(`not a host:port: ${text}`);
  return { host, port };
}
