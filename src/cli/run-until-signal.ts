/** What was started: where it serves, and how to end it. */
export interface Running {
  /** Base address for clients, as in `http://127.0.0.1:7400`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A stop that takes longer is given up; what is acknowledged is durable anyway. */
const stopMaxMs = 15_000;

/**
 * Starts nodes, prints `ready <url>` for each, and stops them at SIGTERM or Ctrl-C; a second signal ends at once.
 * Exit code 1 where the start or the stop fails.
 */
export async function runUntilSignal(start: () => Promise<readonly Running[]>): Promise<void> {
  let nodes: readonly Running[];
  try {
    nodes = await start();
  } catch (error) {
    process.stderr.write(
      `mailring could not start: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  }
  for (const { url } of nodes) process.stdout.write(`ready ${url}\n`);
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    setTimeout(() => {
      process.stderr.write(`mailring did not stop within ${stopMaxMs / 1000} s\n`);
      process.exit(1);
    }, stopMaxMs).unref();
    Promise.all(nodes.map((node) => node.stop())).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`mailring failed to stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
