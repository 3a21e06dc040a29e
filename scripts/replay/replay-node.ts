import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../cluster/free-port.ts';
import { ServiceProcess } from '../../cluster/service-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A node of the replay's own, as a process that can be killed with -9 and started again. */
export class ReplayNode {
  readonly wsUrl: string;
  readonly opsUrl: string;
  /** Log, and data where the settings name no other place for it; left behind for whoever looks for a cause. */
  readonly folder: string;
  readonly #process: ServiceProcess;

  private constructor(folder: string, ports: readonly number[], settings: readonly string[]) {
    const [client = 0, ops = 0, peer = 0] = ports;
    const at = (port: number): string => `127.0.0.1:${port}`;
    this.wsUrl = `ws://${at(client)}`;
    this.opsUrl = `http://${at(ops)}`;
    this.folder = folder;
    const own = [
      '--config',
      join(root, 'config/development.json'),
      '--id',
      'replay',
      '--data',
      join(folder, 'data'),
    ];
    const addresses = ['--listen', at(client), '--ops', at(ops), '--peer', at(peer)];
    this.#process = new ServiceProcess({
      name: 'mailring node',
      command: process.execPath,
      args: ['src/main.ts', 'node', ...own, ...addresses, ...settings],
      cwd: root,
      logFile: join(folder, 'node.log'),
      pidFile: join(folder, 'node.pid'),
      readyLine: /^ready http/m,
      readyTimeoutMs: 60_000,
      stopTimeoutMs: 30_000,
      onProgress: () => undefined,
    });
  }

  /** `settings` as flags of `mailring node`. Rejects with the end of its log where it does not start. */
  static async start(settings: readonly string[]): Promise<ReplayNode> {
    const folder = join(tmpdir(), `mailring-replay-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    const node = new ReplayNode(folder, [await freePort(), await freePort(), await freePort()], settings);
    await node.#process.start();
    return node;
  }

  /** Kills it with -9 and starts it again; resolves when it serves. */
  async restart(): Promise<void> {
    await this.#process.kill('SIGKILL');
    await this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
