import { join, resolve } from 'node:path';

import { ensureProgram } from '../debian-packages.ts';
import { namedPorts } from '../named-ports.ts';
import { ServiceGroup } from '../service-group.ts';
import { ServiceProcess } from '../service-process.ts';

export interface LocalRedisOptions {
  /** Log, pid file and data. Made when missing; kept by stop(). */
  readonly dataDir: string;
  /** Whether every write is appended and synced to a file, to be there after a restart. */
  readonly isDurable?: boolean;
  /** One line at a time. Silent unless told. */
  readonly onProgress?: (line: string) => void;
}

const processName = 'redis';
const readyTimeoutMs = 30_000;
const stopTimeoutMs = 15_000;

/** A redis-server on a free port of 127.0.0.1, installed from Debian where it is missing. Its process is `redis`. */
export class LocalRedis extends ServiceGroup {
  readonly #dataDir: string;
  readonly #isDurable: boolean;
  readonly #onProgress: (line: string) => void;
  #port: number | undefined;

  constructor(options: LocalRedisOptions) {
    super();
    this.#dataDir = resolve(options.dataDir);
    this.#isDurable = options.isDurable ?? false;
    this.#onProgress = options.onProgress ?? (() => undefined);
  }

  /** `redis://127.0.0.1:port`. Throws before the first start. */
  get url(): string {
    if (this.#port === undefined) throw new Error('this Redis was not started yet');
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Resolves when it serves. May follow stop(), on the same port. */
  async start(): Promise<void> {
    const program = ensureProgram('redis-server', 'redis-server', this.#onProgress);
    this.#port ??= (await namedPorts(this.#dataDir, [processName]))[processName];
    const server = this.add(
      new ServiceProcess({
        name: processName,
        command: program,
        args: [
          ...['--bind', '127.0.0.1', '--port', String(this.#port), '--dir', this.#dataDir, '--save', ''],
          ...(this.#isDurable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
        ],
        cwd: this.#dataDir,
        logFile: join(this.#dataDir, 'redis.log'),
        pidFile: join(this.#dataDir, 'redis.pid'),
        readyLine: /Ready to accept connections/,
        readyTimeoutMs,
        stopTimeoutMs,
        onProgress: this.#onProgress,
      }),
    );
    await server.start();
  }

  async stop(): Promise<void> {
    if (this.processNames.length > 0) await this.process(processName).stop();
  }
}
