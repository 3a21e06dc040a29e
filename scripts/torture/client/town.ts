import { SeededRandom } from '../../replay/seeded-random.ts';
import type { FinalView, History } from '../history.ts';
import { register } from './account-door.ts';
import { Auditor } from './auditor.ts';
import { Device } from './device.ts';
import { Link } from './link.ts';
import { Person } from './person.ts';
import { dmUsers, isDm } from './protocol-shapes.ts';

export interface TownOptions {
  /** Base addresses of the nodes, for accounts. */
  readonly httpUrls: readonly string[];
  readonly wsUrls: readonly string[];
  /** Begins all user ids. */
  readonly prefix: string;
  readonly users: number;
  /** Mean time between two things that one of them does. */
  readonly pauseMs: number;
  readonly seed: number;
  readonly history: History;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Epoch milliseconds. */
  readonly wallNow: () => number;
}

const friendsOfEach = 5;
const registrationsAtOnce = 4;
const auditsAtOnce = 6;
const connectMaxMs = 60_000;
const reconnectMs = 1_000;

/** The people of one episode. */
export class Town {
  readonly #options: TownOptions;
  readonly #persons: Person[] = [];
  readonly #tokens = new Map<string, string>();
  #connections = 0;
  readonly #random: SeededRandom;

  constructor(options: TownOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  /** Registers everybody; they do nothing yet. */
  async found(): Promise<void> {
    const { users, prefix, httpUrls } = this.#options;
    const ids = Array.from({ length: users }, (_, number) => `${prefix}u${number}`);
    await inTurns(ids, registrationsAtOnce, async (userId, number) => {
      const start = number % httpUrls.length;
      const urls = [...httpUrls.slice(start), ...httpUrls.slice(0, start)];
      this.#tokens.set(userId, await register(urls, userId));
    });
    for (const [number, userId] of ids.entries()) this.#persons.push(this.#person(userId, number, ids));
  }

  /** All devices connect and all feeds begin; then everybody does something. */
  async start(): Promise<void> {
    for (const person of this.#persons) person.connect();
    const deadline = this.#options.now() + connectMaxMs;
    const begun = await Promise.all(
      this.#persons.map((person) => person.readFeed(() => this.#options.now() < deadline)),
    );
    if (begun.includes(false)) throw new Error(`not everybody could connect in ${connectMaxMs} ms`);
    for (const person of this.#persons) person.start();
  }

  /** Lets everybody end what they began. @returns whose calls still fail after that time */
  async finish(timeoutMs: number): Promise<string[]> {
    const undone = await Promise.all(
      this.#persons.map(async (person) => ((await person.finish(timeoutMs)) > 0 ? [person.userId] : [])),
    );
    return undone.flat();
  }

  /** Everything that anybody can read now, and all feeds to their ends. @throws AuditError */
  async audit(timeoutMs: number): Promise<FinalView[]> {
    const deadline = this.#options.now() + timeoutMs;
    const mayGoOn = (): boolean => this.#options.now() < deadline;
    const written = this.#written();
    return inTurns(this.#persons, auditsAtOnce, async (person) => {
      const { userId } = person;
      await person.readFeed(mayGoOn);
      const device = this.#device(userId, 'audit', 1, () => undefined);
      device.start();
      try {
        return await new Auditor(userId, device, mayGoOn).view(written.get(userId) ?? []);
      } finally {
        await device.end();
      }
    });
  }

  async leave(): Promise<void> {
    await Promise.all(this.#persons.map((person) => person.leave()));
  }

  #written(): Map<string, Set<string>> {
    const written = new Map<string, Set<string>>();
    for (const { userId, params } of this.#options.history.callsOf('sendMessage')) {
      const { conversationId } = params;
      for (const reader of isDm(conversationId) ? dmUsers(conversationId) : [userId]) {
        written.set(reader, (written.get(reader) ?? new Set()).add(conversationId));
      }
    }
    return written;
  }

  /** Friends sit in a circle, so that everybody has as many, and groups of them overlap. */
  #person(userId: string, number: number, ids: readonly string[]): Person {
    const { history, pauseMs, wallNow } = this.#options;
    const friends = Array.from(
      { length: friendsOfEach },
      (_, step) => ids[(number + step + 1) % ids.length] ?? '',
    );
    const earlier = ids[(number + ids.length - 1) % ids.length] ?? '';
    const devices: Device[] = [];
    const person = new Person({
      ...{ userId, devices, friends: [...friends, earlier], feed: history.feedOf(userId) },
      ...{ random: this.#fork(), wallNow, pauseMs },
    });
    const deviceCount = 1 + (number % 2);
    for (let device = 1; device <= deviceCount; device++) {
      const sockets = 1 + (number % 3 === 0 && device === 1 ? 1 : 0);
      devices.push(this.#device(userId, `d${device}`, sockets, (change) => person.heard(change)));
    }
    return person;
  }

  #device(userId: string, deviceId: string, sockets: number, onChange: Person['heard']): Device {
    const { history, wsUrls, now } = this.#options;
    const token = this.#tokens.get(userId) ?? '';
    const links = Array.from({ length: sockets }, () => {
      const random = this.#fork();
      const encoding = random.chance(0.5) ? 'json' : 'msgpack';
      const nextConnection = (): number => ++this.#connections;
      const parts = { userId, deviceId, token, encoding, urls: wsUrls, history, random, now } as const;
      return new Link({ ...parts, nextConnection, onChange });
    });
    // Who has only just lost a connection, or dropped it, may still be served within a second.
    const onUnsent = (): void => {
      const atMs = now();
      if (links.every(({ awaySinceMs }) => awaySinceMs < atMs - reconnectMs)) history.unsentAtMs.push(atMs);
    };
    return new Device(deviceId, links, this.#fork(), onUnsent);
  }

  #fork(): SeededRandom {
    return new SeededRandom(this.#random.below(2 ** 31));
  }
}

/** Does something for each, a few at once; results in the order of the items. */
async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, place: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [place, item] of queue) results[place] = await work(item, place);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
