import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from '../free-port.ts';
import { ServiceProcess } from '../service-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;

export interface NodeProcessOptions {
  readonly id: string;
  /** Log, pid file, and data where `settings` name no other place for it. */
  readonly folder: string;
  /** More flags of `mailring node`. */
  readonly settings: readonly string[];
  /** Flags of Node.js itself. */
  readonly runtimeFlags?: readonly string[];
  /** From 0, as all others, to 19, what they leave over (0). */
  readonly niceness?: number;
}

/** `mailring node` as a process of its own: killed, paused, stopped and started again, always at the same ports. */
export class NodeProcess {
  readonly id: string;
  /** Base addresses, without a path. */
  readonly httpUrl: string;
  readonly wsUrl: string;
  readonly opsUrl: string;
  readonly ports: { readonly client: number; readonly ops: number; readonly peer: number };
  readonly process: ServiceProcess;

  private constructor(
    { id, folder, settings, runtimeFlags = [], niceness = 0 }: NodeProcessOptions,
    ports: readonly number[],
  ) {
    const [client = 0, ops = 0, peer = 0] = ports;
    const at = (port: number): string => `127.0.0.1:${port}`;
    this.id = id;
    this.ports = { client, ops, peer };
    this.httpUrl = `http://${at(client)}`;
    this.wsUrl = `ws://${at(client)}/v1/ws`;
    this.opsUrl = `http://${at(ops)}`;
    const places = { listen: at(client), ops: at(ops), peer: at(peer), data: join(folder, 'data') };
    const flags = { config: join(root, 'config/development.json'), id, ...places };
    this.process = new ServiceProcess({
      name: `node ${id}`,
      command: process.execPath,
      args: [
        ...[...runtimeFlags, 'src/main.ts', 'node'],
        ...Object.entries(flags)
          .filter(([flag]) => !settings.includes(`--${flag}`))
          .flatMap(([flag, value]) => [`--${flag}`, value]),
        ...settings,
      ],
      cwd: root,
      logFile: join(folder, `${id}.log`),
      pidFile: join(folder, `${id}.pid`),
      readyLine: /^ready http/m,
      ...{ readyTimeoutMs, stopTimeoutMs, niceness },
      onProgress: () => undefined,
    });
  }

  /** Takes ports for it; it does not run yet. */
  static async prepare(options: NodeProcessOptions): Promise<NodeProcess> {
    return new NodeProcess(options, [await freePort(), await freePort(), await freePort()]);
  }

  /** The value of one series, as `name` or `name{label="value"}`. Rejects where the node does not answer. */
  async metric(name: string): Promise<number> {
    const [value = Number.NaN] = await this.metrics([name]);
    return value;
  }

  /** Values of several series, of one moment. */
  async metrics(names: readonly string[]): Promise<readonly number[]> {
    const response = await fetch(`${this.opsUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const lines = (await response.text()).split('\n');
    return names.map((name) => {
      const line = lines.find((each) => each.startsWith(`${name} `));
      if (line === undefined) throw new Error(`${this.id} has no metric ${name}`);
      return Number(line.slice(name.length + 1));
    });
  }
}
