import { setTimeout as sleep } from 'node:timers/promises';
import { registerAccounts } from '../../src/cli/bench/load-account.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { forEachOf } from '../replay/for-each-of.ts';
import { LoadClient, type ErrorCounts } from './load-client.ts';
import { MessageLedger } from './message-ledger.ts';
import type { StoredMessage, Verdict } from './message-ledger.ts';

const openAtOnce = 32;
const readAtOnce = 8;
const tickMs = 5;
const answersMaxMs = 150_000;
/** One's own copy of a message may come after its acknowledgement. */
const copiesMaxMs = 60_000;
const pollMs = 50;

/** Pairs of users who write to each other at a rate that does not depend on the answers. */
export class LoadRun {
  readonly ledger = new MessageLedger();
  readonly errors: ErrorCounts = new Map();
  readonly clients: readonly LoadClient[];
  readonly #userIds: readonly string[];
  #stopPacing: () => void = () => undefined;

  private constructor(userIds: readonly string[], clientsOf: (run: LoadRun) => readonly LoadClient[]) {
    this.#userIds = userIds;
    this.clients = clientsOf(this);
  }

  /** Registers the users at these nodes and opens their sessions; they know of the nodes at `laterUrls` as well. */
  static async open(
    users: number,
    wsUrls: readonly string[],
    laterUrls: readonly string[] = [],
  ): Promise<LoadRun> {
    const accounts = await registerAccounts(`m${Date.now().toString(36)}`, users, wsUrls);
    const urls = [...wsUrls, ...laterUrls];
    const userIds = accounts.map(({ userId }) => userId);
    const run = new LoadRun(userIds, ({ ledger, errors }) =>
      accounts.map((account) => {
        const index = account.index ^ 1;
        return new LoadClient({
          account,
          partner: { index, userId: userIds[index] ?? '' },
          urls,
          ledger,
          errors,
        });
      }),
    );
    await forEachOf(run.clients, openAtOnce, (client) => client.open());
    return run;
  }

  get underWay(): number {
    return this.clients.reduce((sum, client) => sum + client.underWay, 0);
  }

  /** Every client sends the next message as soon as the last one was answered. @returns messages a second */
  async saturate(seconds: number, inFlight: number): Promise<number> {
    const endMs = performance.now() + seconds * 1000;
    let sent = 0;
    const work = async (client: LoadClient): Promise<void> => {
      while (performance.now() < endMs) {
        await client.send(performance.now());
        sent += 1;
      }
    };
    await Promise.all(this.clients.flatMap((client) => Array.from({ length: inFlight }, () => work(client))));
    return sent / seconds;
  }

  /** Sends at this rate, all users together and in turn, until stop(). */
  pace(messagesPerSecond: number): void {
    const beginMs = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      const due = 1 + Math.floor(((performance.now() - beginMs) * messagesPerSecond) / 1000);
      for (; sent < due; sent++) {
        void this.clients[sent % this.clients.length]?.send(beginMs + (sent * 1000) / messagesPerSecond);
      }
    }, tickMs);
    this.#stopPacing = () => clearInterval(timer);
  }

  /** Ends the load; resolves when all is answered, or given up. */
  async stop(): Promise<void> {
    this.#stopPacing();
    const endMs = performance.now() + answersMaxMs;
    while (this.underWay > 0 && performance.now() < endMs) await sleep(pollMs);
  }

  /** Reads what is there in the end and holds it against what was acknowledged. */
  async verify(): Promise<Verdict> {
    const endMs = performance.now() + copiesMaxMs;
    for (;;) {
      const verdict = this.ledger.verdict(await this.#copies());
      if (verdict.lost === 0 || performance.now() > endMs) return verdict;
      await sleep(1_000);
    }
  }

  close(): void {
    this.#stopPacing();
    for (const client of this.clients) client.close();
  }

  async #copies(): Promise<Map<number, readonly StoredMessage[]>> {
    const copies = new Map<number, readonly StoredMessage[]>();
    await forEachOf(this.clients, readAtOnce, async (client) => {
      const pair = [this.#userIds[client.index] ?? '', this.#userIds[client.index ^ 1] ?? ''] as const;
      copies.set(client.index, await client.history(dmIdOf(...pair)));
    });
    return copies;
  }
}
