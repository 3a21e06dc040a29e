import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import type { BenchCluster } from './bench-stand.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const commandMaxMs = 120_000;

/** `mailring ring …` as an operator runs it: a process of its own. */
export class RingProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | undefined>;
  readonly #begun: Promise<unknown>;
  #output = '';

  /** @param nodes whose operations ports it may ask, in this order */
  constructor({ tokenFile }: BenchCluster, nodes: readonly NodeProcess[], args: readonly string[]) {
    const access = [...nodes.flatMap(({ opsUrl }) => ['--ops', opsUrl]), '--operator-token-file', tokenFile];
    // What its start takes must not hold up the nodes: operators run it elsewhere.
    const command = ['-n', '19', process.execPath, 'src/main.ts', 'ring', ...args];
    this.#child = spawn('nice', [...command, ...access, '--json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: commandMaxMs,
    });
    const told = new Promise<void>((resolve) => {
      this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        if (/"kind":"(progress|finished)"/.test(this.#output)) resolve();
      });
    });
    this.#ended = once(this.#child, 'close').then(([code]) => (typeof code === 'number' ? code : undefined));
    this.#begun = Promise.race([told, this.#ended]);
  }

  /** Resolves when it has told of progress, or has ended. */
  async begun(): Promise<void> {
    await this.#begun;
  }

  /** Its exit code; undefined where it was killed. */
  ended(): Promise<number | undefined> {
    return this.#ended;
  }

  get lastLine(): string {
    return this.#output.trimEnd().split('\n').at(-1) ?? '';
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
