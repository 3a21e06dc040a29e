import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { sliceLine } from './slice.ts';
import type { Figures, Slice } from './slice.ts';
import type { ClientName } from './workload.ts';

const startTimeoutMs = 60_000;
/** Beyond the slice itself: calls under way have their own time-out. */
const answerGraceMs = 30_000;

/** A client under test: a process that measures one slice at a time and is idle in between. */
export class ClientProcess {
  readonly name: ClientName;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(name: ClientName, child: ChildProcess, lines: AsyncIterator<string>) {
    this.name = name;
    this.#child = child;
    this.#lines = lines;
  }

  /** Resolves when it is ready. @throws Error where it ends before that, or takes too long */
  static async start(name: ClientName, command: string, args: readonly string[]): Promise<ClientProcess> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const client = new ClientProcess(name, child, lines);
    try {
      const first = await client.#line(startTimeoutMs);
      if (first !== 'ready') throw new Error(`${name} says ${first}`);
      return client;
    } catch (error) {
      client.kill();
      throw error;
    }
  }

  /** @throws Error where an operation failed */
  async measure(slice: Slice): Promise<Figures> {
    this.#child.stdin?.write(`${sliceLine(slice)}\n`);
    const line = await this.#line(slice.seconds * 1000 + answerGraceMs);
    const answer: unknown = JSON.parse(line);
    if (isFigures(answer)) return answer;
    throw new Error(`${this.name}, ${sliceLine(slice)}: ${line}`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #line(timeoutMs: number): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`${this.name} said nothing for ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      const next = await Promise.race([this.#lines.next(), timeout]);
      if (next.done === true) throw new Error(`${this.name} ended`);
      return next.value;
    } finally {
      clearTimeout(timer);
    }
  }
}

function isFigures(answer: unknown): answer is Figures {
  const names = ['opsPerSecond', 'p99Ms', 'cpuMicros'];
  if (typeof answer !== 'object' || answer === null) return false;
  const figures = new Map<string, unknown>(Object.entries(answer));
  return names.every((name) => typeof figures.get(name) === 'number');
}
