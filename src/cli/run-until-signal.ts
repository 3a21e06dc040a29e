import { ConfigError } from '../config/config-error.ts';
import { usageExitCode } from './setting-options.ts';
import { startFailure } from './start-failure.ts';

/** What was started: where it serves, and how to end it. */
export interface Running {
  /** Base address for clients, as in `http://127.0.0.1:7400`. */
  readonly url: string;
  /** Resolves with the reason where it can go on no longer. */
  readonly failed?: Promise<string>;
  /** How long `stop` takes at most, ms. */
  readonly stopMaxMs?: number;
  stop(): Promise<void>;
}

/** A stop that takes longer, where nothing else is said, is given up; what is acknowledged is durable anyway. */
const defaultStopMaxMs = 15_000;

/**
 * Signals this soon after the first one are the same Ctrl-C: the terminal sends it to the whole process group,
 * and npm and the launcher pass theirs on.
 */
const sameSignalMs = 500;

/**
 * Starts nodes, prints `ready <url>` for each, and stops them at SIGTERM or Ctrl-C; a second one, more than half
 * a second later, ends at once, as kill -9 does. Exit code 1 where the start or the stop fails; 2 where the start shows
 * that settings are wrong.
 */
export async function runUntilSignal(start: () => Promise<readonly Running[]>): Promise<void> {
  // Whoever has started this as part of something greater is gone, maybe by kill -9: this is to end as it did.
  process.once('disconnect', endNow);
  if ('connected' in process && !process.connected) endNow();
  let nodes: readonly Running[];
  try {
    nodes = await start();
  } catch (error) {
    process.stderr.write(`mailring could not start: ${startFailure(error)}\n`);
    process.exit(error instanceof ConfigError ? usageExitCode : 1);
  }
  let firstSignalMs: number | undefined;
  const stop = (): void => {
    const nowMs = performance.now();
    if (firstSignalMs !== undefined) {
      if (nowMs - firstSignalMs > sameSignalMs) endNow();
      return;
    }
    firstSignalMs = nowMs;
    stopAll(nodes);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Only now: who reads this may send a signal at once.
  for (const { url } of nodes) process.stdout.write(`ready ${url}\n`);
  process.send?.('ready');
  for (const { failed } of nodes) {
    void failed?.then((reason) => {
      process.stderr.write(`mailring ends: ${reason}\n`);
      stopAll(nodes, 1);
    });
  }
}

/**
 * Ends the process with work under way. `process.exit` waits for libuv's threads: one may be in the middle of a
 * transaction of LMDB and wait for this thread in turn, for ever, with the lock without which no other node can write.
 */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Ends the process with the nodes, or without them when they take too long. */
function stopAll(nodes: readonly Running[], exitCode = 0): void {
  const stopMaxMs = Math.max(...nodes.map((node) => node.stopMaxMs ?? defaultStopMaxMs));
  setTimeout(() => {
    process.stderr.write(`mailring did not stop within ${stopMaxMs / 1000} s\n`);
    endNow();
  }, stopMaxMs).unref();
  Promise.all(nodes.map((node) => node.stop())).then(
    () => process.exit(exitCode),
    (error: unknown) => {
      process.stderr.write(`mailring failed to stop cleanly: ${String(error)}\n`);
      process.exit(1);
    },
  );
}
