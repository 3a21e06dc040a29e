import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { setNiceness } from './niceness.ts';
import { readPidFile, removePidFile, writePidFile } from './pid-file.ts';

export interface ServiceProcessOptions {
  /** Name in progress lines and errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
  readonly pidFile: string;
  /** The service serves once a line like this one is in the log. */
  readonly readyLine: RegExp;
  readonly readyTimeoutMs: number;
  /** How long a clean stop may take before the process is killed. */
  readonly stopTimeoutMs: number;
  /** From 0, as all others, to 19, what they leave over (0). */
  readonly niceness?: number;
  readonly onProgress: (line: string) => void;
}

type State = { readonly kind: 'stopped' } | { readonly kind: 'running'; readonly run: Run };

interface Run {
  readonly pid: number;
  /** Settles when the process is gone, with how it went. */
  readonly exited: Promise<string>;
  /** How it went, once it is gone. */
  exit: string | undefined;
  /** Whether we have told it to end. */
  isEnding: boolean;
  readonly guard: ChildProcess;
  /** Where in the log file this run begins. */
  readonly logOffset: number;
}

const pollMs = 200;
const progressEveryMs = 10_000;
const logTailLines = 40;

/**
 * The guard is a shell whose input is a pipe from us: when we die, however we die, the pipe closes and it
 * stops the service's process group, first politely (a local HBase keeps its data only then), then by force.
 */
const guardScript = `
cat >/dev/null
kill -s TERM -- "-$1" 2>/dev/null; kill -s CONT -- "-$1" 2>/dev/null
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 1
  kill -s 0 -- "-$1" 2>/dev/null || exit 0
done
kill -s KILL -- "-$1"`;

/** One process of a service: started, watched until it is ready, paused, killed, stopped; gone when we are gone. */
export class ServiceProcess {
  readonly #options: ServiceProcessOptions;
  #state: State = { kind: 'stopped' };

  constructor(options: ServiceProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.run.pid : undefined;
  }

  /** Starts it and waits until it is ready. Throws with the tail of the log when it ends or is too slow. */
  async start(): Promise<void> {
    await this.spawn();
    await this.untilReady();
  }

  /** Starts the process only. Throws when it runs already, here or for another owner. */
  async spawn(): Promise<void> {
    if (this.#state.kind === 'running') throw new Error(`${this.name} runs already`);
    await this.#clearPidFile();
    const { command, args, cwd, logFile, pidFile, niceness = 0 } = this.#options;
    mkdirSync(dirname(logFile), { recursive: true });
    mkdirSync(dirname(pidFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const logOffset = statSync(logFile).size;
    const child = spawn(command, [...args], { cwd, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    const pid = child.pid;
    if (pid === undefined) throw await spawnError(child, command);
    if (niceness > 0) setNiceness(pid, niceness);
    const guard = spawn('sh', ['-c', guardScript, 'guard', String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guard.on('error', (error) => this.#options.onProgress(`${this.name} has no guard: ${error.message}`));
    const exited = untilExit(child);
    const run: Run = { pid, exited, exit: undefined, isEnding: false, guard, logOffset };
    this.#state = { kind: 'running', run };
    writePidFile(pidFile, pid);
    void exited.then((how) => this.#ended(run, how));
    // Neither may keep our event loop alive: who forgets stop() still ends, and the guard tidies up.
    child.unref();
    guard.unref();
  }

  /** Waits for the ready line of the present run. */
  async untilReady(): Promise<void> {
    const { readyLine, readyTimeoutMs, onProgress } = this.#options;
    if (this.#state.kind === 'stopped') throw new Error(`${this.name} does not run`);
    const run = this.#state.run;
    const startedAt = performance.now();
    let reportedAt = startedAt;
    while (!readyLine.test(this.#logSince(run.logOffset))) {
      if (run.exit !== undefined) throw this.#failure(`ended before it was ready (${run.exit})`, run);
      const now = performance.now();
      if (now - startedAt > readyTimeoutMs) throw this.#failure(`was not ready in ${readyTimeoutMs} ms`, run);
      if (now - reportedAt > progressEveryMs) {
        reportedAt = now;
        onProgress(`waiting for ${this.name} (${Math.round((now - startedAt) / 1000)} s)`);
      }
      await delay(pollMs);
    }
    onProgress(`${this.name} is ready (${Math.round(performance.now() - startedAt)} ms)`);
  }

  /** Asks it to end, and kills it when it has not after the stop time-out. Nothing to do when it does not run. */
  async stop(): Promise<void> {
    if (this.#state.kind === 'stopped') return;
    const run = this.#state.run;
    run.isEnding = true;
    this.signal('SIGTERM');
    this.signal('SIGCONT'); // A paused process sees SIGTERM only when it goes on.
    if (await settlesWithin(run.exited, this.#options.stopTimeoutMs)) return;
    this.#options.onProgress(`${this.name} did not stop in ${this.#options.stopTimeoutMs} ms: killing it`);
    await this.kill('SIGKILL');
  }

  /** Sends a signal that is meant to end it, and waits until it has. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#state.kind === 'stopped') throw new Error(`${this.name} does not run`);
    const run = this.#state.run;
    run.isEnding = true;
    this.signal(signal);
    if (await settlesWithin(run.exited, this.#options.stopTimeoutMs)) return;
    throw this.#failure(`did not end in ${this.#options.stopTimeoutMs} ms after ${signal}`, run);
  }

  /** Sends a signal (SIGSTOP, SIGCONT, …) and does not wait. Throws when it does not run. */
  signal(signal: NodeJS.Signals): void {
    if (this.#state.kind === 'stopped') throw new Error(`${this.name} does not run`);
    sendToGroup(this.#state.run.pid, signal);
  }

  #ended(run: Run, how: string): void {
    run.exit = how;
    if (!run.isEnding) this.#options.onProgress(`${this.name} ended by itself (${how})`);
    run.guard.kill('SIGKILL');
    removePidFile(this.#options.pidFile);
    this.#state = { kind: 'stopped' };
  }

  async #clearPidFile(): Promise<void> {
    const { pidFile, onProgress, stopTimeoutMs } = this.#options;
    const found = readPidFile(pidFile);
    if (found.kind === 'owned') {
      throw new Error(
        `${this.name} runs already as process ${found.pid}, started by process ${found.ownerPid} (${pidFile})`,
      );
    }
    if (found.kind === 'orphan') {
      onProgress(`stopping ${this.name} of an earlier run (process ${found.pid})`);
      await stopRecorded(pidFile, stopTimeoutMs);
    }
    removePidFile(pidFile);
  }

  #logSince(offset: number): string {
    return readFileSync(this.#options.logFile).subarray(offset).toString('utf8');
  }

  #failure(what: string, run: Run): Error {
    const lines = this.#logSince(run.logOffset).trimEnd().split('\n').slice(-logTailLines);
    return new Error(`${this.name} ${what}; end of ${this.#options.logFile}:\n${lines.join('\n')}`);
  }
}

/**
 * Stops the process a pid file names, if it is still that one: politely, after `timeoutMs` by force.
 * Returns whether there was one.
 */
export async function stopRecorded(pidFile: string, timeoutMs: number): Promise<boolean> {
  const found = readPidFile(pidFile);
  if (found.kind === 'free') return false;
  sendToGroup(found.pid, 'SIGTERM');
  sendToGroup(found.pid, 'SIGCONT');
  const deadline = performance.now() + timeoutMs;
  while (readPidFile(pidFile).kind !== 'free') {
    if (performance.now() > deadline) sendToGroup(found.pid, 'SIGKILL');
    await delay(pollMs);
  }
  return true;
}

function sendToGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended by itself in between, which is what the callers find out next.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function untilExit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function spawnError(child: ChildProcess, command: string): Promise<Error> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(new Error(`cannot start ${command}`, { cause: error })));
  });
}

async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const settled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return settled;
}
