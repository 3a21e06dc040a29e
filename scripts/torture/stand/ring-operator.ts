import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TortureCluster } from './torture-cluster.ts';

const root = join(import.meta.dirname, '../../..');
const commandTimeoutMs = 45_000;
const retryMs = 2_000;
const weightDefault = '100';

/** Changes the ring as operators do: by the command line, with any node that answers. */
export class RingOperator {
  readonly #cluster: TortureCluster;
  /**
   * Nodes whose place or weight we have changed. Even when one was put right, the change before may have been late: a
   * command that was given up goes on without us.
   */
  readonly #owed = new Set<string>();

  constructor(cluster: TortureCluster) {
    this.#cluster = cluster;
  }

  /** Takes a node out, or weighs it. It may fail or be refused while other faults are on. @returns whether it was done */
  change(nodeId: string, verb: string, flags: readonly string[]): Promise<boolean> {
    this.#owed.add(nodeId);
    return this.#run([verb, nodeId, ...flags]);
  }

  /** Puts one node right, if nothing forbids it now. @returns whether it is */
  restore(nodeId: string): Promise<boolean> {
    return this.#run(['join', nodeId, '--weight', weightDefault]);
  }

  /** Puts every node right, when nothing else is wrong any more; gives up after that time. */
  async heal(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const [nodeId] = this.#owed;
      if (nodeId === undefined) return;
      if (await this.restore(nodeId)) this.#owed.delete(nodeId);
      else await sleep(retryMs);
    }
  }

  /** @returns whether it was done, or was so already */
  #run(args: readonly string[]): Promise<boolean> {
    const ops = this.#cluster.nodes.flatMap(({ process }) => ['--ops', process.opsUrl]);
    const token = ['--operator-token-file', this.#cluster.operatorTokenFile];
    const command = ['src/main.ts', 'ring', ...args, ...ops, ...token, '--json', '--yes'];
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, command, {
        ...{ cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: commandTimeoutMs, killSignal: 'SIGKILL' },
      });
      const said: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => said.push(chunk));
      child.once('error', reject);
      child.once('close', (code) => resolve(code === 0 || Buffer.concat(said).includes('"no_change"')));
    });
  }
}
