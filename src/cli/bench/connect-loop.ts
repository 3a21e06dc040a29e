import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadAccount } from './load-account.ts';
import { openLoadSession } from './load-session.ts';
import type { LoadTally } from './load-tally.ts';

const errorPauseMs = 50;

/** Opens and closes one user's session over and over; an acknowledgement is an opened session. */
export class ConnectLoop {
  readonly #account: LoadAccount;
  readonly #tally: LoadTally;
  #isRunning = false;
  #done: Promise<void> = Promise.resolve();

  constructor(account: LoadAccount, tally: LoadTally) {
    this.#account = account;
    this.#tally = tally;
  }

  start(): void {
    this.#isRunning = true;
    this.#done = this.#run();
  }

  /** Resolves when the last session is closed. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const startedAtMs = performance.now();
      try {
        await this.#openAndClose(startedAtMs);
      } catch (error) {
        this.#tally.failed(error instanceof Error ? error.message : String(error));
        await sleep(errorPauseMs * (0.5 + Math.random()));
      }
    }
  }

  async #openAndClose(startedAtMs: number): Promise<void> {
    const closed = Promise.withResolvers<undefined>();
    const socket = await openLoadSession(this.#account, {
      received: () => undefined,
      closed: () => closed.resolve(undefined),
    });
    this.#tally.acked(performance.now() - startedAtMs);
    socket.close();
    const timer = setTimeout(() => socket.drop(), 1_000);
    await closed.promise;
    clearTimeout(timer);
  }
}
