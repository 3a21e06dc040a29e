import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The program itself, as source or compiled. */
const mainPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url),
);
/** A node that died is started again after this, times in a row, unless it had run for a while. */
const restartMs = 1_000;
const restartsMax = 5;
const stableMs = 30_000;
/** A node that does not stop by itself is killed. */
const stopMaxMs = 25_000;

/** What the processes of a cluster are started with. */
export interface DevNodePlan {
  readonly id: string;
  /** Of `mailring node`. */
  readonly args: readonly string[];
}

/**
 * Nodes as processes of their own on this machine. They end with this one, however it ends; one that dies alone is
 * started again.
 */
export class DevCluster {
  readonly #children = new Map<string, ChildProcess>();
  /** Resolves with the exit code of a node that could not be started (again). */
  readonly failed = Promise.withResolvers<number>();
  readonly #output: number | 'inherit';
  #isStopping = false;

  /** @param output where what the nodes print goes: a file descriptor of this process */
  constructor(output: number | 'inherit' = 'inherit') {
    this.#output = output;
  }

  /** Resolves when all are ready; a node that ends before that resolves `failed`. */
  async start(plans: readonly DevNodePlan[]): Promise<void> {
    await Promise.all(plans.map((plan) => this.#start(plan, 0)));
  }

  /** Resolves when all have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#children.values()].map(end));
  }

  async #start(plan: DevNodePlan, restarts: number): Promise<void> {
    const startedMs = performance.now();
    // stdin stays free, the log goes where ours goes; the channel ends when we do, which ends the node.
    const stdio = ['ignore', this.#output, 'inherit', 'ipc'] as const;
    const child = fork(mainPath, ['node', ...plan.args], { stdio: [...stdio] });
    this.#children.set(plan.id, child);
    let isReady = false;
    const ready = new Promise<void>((resolve) => {
      child.once('message', () => {
        isReady = true;
        resolve();
      });
    });
    child.once('exit', (code, signal) => {
      this.#children.delete(plan.id);
      if (this.#isStopping) return;
      const isStable = performance.now() - startedMs > stableMs;
      if (!isReady && restarts === 0) this.failed.resolve(code ?? 1);
      else this.#restart(plan, isStable ? 1 : restarts + 1, signal ?? `exit code ${code}`);
    });
    await ready;
  }

  #restart(plan: DevNodePlan, restarts: number, why: string): void {
    if (restarts > restartsMax) {
      process.stderr.write(`node ${plan.id} keeps ending (${why})\n`);
      this.failed.resolve(1);
      return;
    }
    process.stderr.write(`node ${plan.id} has ended (${why}) and is started again\n`);
    setTimeout(() => {
      if (!this.#isStopping) void this.#start(plan, restarts);
    }, restartMs);
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  const kill = setTimeout(() => child.kill('SIGKILL'), stopMaxMs);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(kill);
}
