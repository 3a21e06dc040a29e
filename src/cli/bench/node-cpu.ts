const timeoutMs = 5_000;

/** Where a node's operations port is by convention: the client port + 100. */
export function opsUrlOf(wsUrl: string): string {
  const url = new URL(wsUrl);
  return `http://${url.hostname}:${Number(url.port === '' ? 80 : url.port) + 100}`;
}

/** CPU seconds used so far by the nodes together, from their `/metrics`. Rejects where one cannot be read. */
export async function nodeCpuSeconds(opsUrls: readonly string[]): Promise<number> {
  const seconds = await Promise.all(opsUrls.map(readOne));
  return seconds.reduce((sum, one) => sum + one, 0);
}

async function readOne(opsUrl: string): Promise<number> {
  const response = await fetch(`${opsUrl}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await response.text();
  const match = /^(?:\w+_)?process_cpu_seconds_total(?:\{[^}]*\})? ([0-9.e+-]+)/m.exec(text);
  if (!response.ok || match === null) throw new Error(`${opsUrl}/metrics has no process_cpu_seconds_total`);
  return Number(match[1]);
}
