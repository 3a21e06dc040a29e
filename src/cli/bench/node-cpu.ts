const timeoutMs = 5_000;

/** Where a node's operations port is by convention: the client port + 100. */
export function opsUrlOf(wsUrl: string): string {
  const url = new URL(wsUrl);
  return `http://${url.hostname}:${Number(url.port === '' ? 80 : url.port) + 100}`;
}

/** What the nodes together have used so far. */
export interface NodeUse {
  readonly cpuSeconds: number;
  /** Durable commits of rows. */
  readonly commits: number;
}

/** Out of the nodes' `/metrics`. Rejects where one cannot be read. */
export async function nodeUse(opsUrls: readonly string[]): Promise<NodeUse> {
  const each = await Promise.all(opsUrls.map(readOne));
  return {
    cpuSeconds: each.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    commits: each.reduce((sum, { commits }) => sum + commits, 0),
  };
}

async function readOne(opsUrl: string): Promise<NodeUse> {
  const response = await fetch(`${opsUrl}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await response.text();
  const value = (name: string): number => {
    const match = new RegExp(`^(?:\\w+_)?${name}(?:\\{[^}]*\\})? ([0-9.e+-]+)`, 'm').exec(text);
    if (!response.ok || match === null) throw new Error(`${opsUrl}/metrics has no ${name}`);
    return Number(match[1]);
  };
  return { cpuSeconds: value('process_cpu_seconds_total'), commits: value('mailring_commits_total') };
}
