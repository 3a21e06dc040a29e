import { SeededRandom } from '../../replay/seeded-random.ts';
import type { FinalView, History } from '../history.ts';
import { register } from './account-door.ts';
import { AuditError, Auditor } from './auditor.ts';
import { CallLog } from './call-log.ts';
import { Device } from './device.ts';
import { HttpLine } from './http-line.ts';
import type { Line } from './line.ts';
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

/** What a device has: sockets, and how it listens otherwise. */
type Kind = 'socket' | 'two sockets' | 'events' | 'polls';

const friendsOfEach = 5;
const strangersOfEach = 2;
/** People come in these kinds, by turns. */
const devicesOfEach: readonly (readonly Kind[])[] = [
  ['two sockets'],
  ['socket', 'events'],
  ['socket', 'two sockets'],
  ['socket', 'polls'],
  ['socket'],
];
/** One of so many goes when all others look who is there. */
const absentOneOf = 3;
const registrationsAtOnce = 4;
const auditsAtOnce = 6;
const connectMaxMs = 60_000;
const forgiveMaxMs = 20_000;
const reconnectMs = 1_000;

/** The people of one episode. */
export class Town {
  readonly #options: TownOptions;
  readonly #persons: Person[] = [];
  readonly #tokens = new Map<string, string>();
  #connections = 0;
  readonly #random: SeededRandom;
  readonly #log: CallLog;
  #absent: readonly Person[] = [];

  constructor(options: TownOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#log = new CallLog(options.history, options.now);
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

  /** Some end their blocks, and some go away with all their devices. @returns who stays */
  async scatter(): Promise<ReadonlySet<string>> {
    const deadline = this.#options.now() + forgiveMaxMs;
    const mayGoOn = (): boolean => this.#options.now() < deadline;
    await Promise.all(this.#persons.map((person) => person.forgive(mayGoOn)));
    this.#absent = this.#persons.filter((_, number) => number % absentOneOf === 0);
    await Promise.all(this.#absent.map((person) => person.rest()));
    return new Set(this.#present.map(({ userId }) => userId));
  }

  /** Who is there looks who else is, and types to all friends. */
  async greet(): Promise<void> {
    await Promise.all(this.#present.map((person) => person.greet()));
  }

  /** Those who went come back. */
  gather(): void {
    for (const person of this.#absent) person.connect();
    this.#absent = [];
  }

  get #present(): Person[] {
    return this.#persons.filter((person) => !this.#absent.includes(person));
  }

  /** Everything that anybody can read now, and all feeds to their ends. @throws AuditError */
  async audit(timeoutMs: number): Promise<FinalView[]> {
    const deadline = this.#options.now() + timeoutMs;
    const mayGoOn = (): boolean => this.#options.now() < deadline;
    const written = this.#written();
    return inTurns(this.#persons, auditsAtOnce, async (person) => {
      const { userId } = person;
      if (!(await person.readFeed(mayGoOn))) throw new AuditError(`${userId}: the feed cannot be read`);
      const device = this.#device(userId, 'audit', 'socket', () => undefined);
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
    const isFriend = (step: number): boolean => step <= friendsOfEach || step === ids.length - 1;
    const at = (step: number): string => ids[(number + step) % ids.length] ?? '';
    const steps = Array.from({ length: ids.length - 1 }, (_, place) => place + 1);
    const friends = steps.filter(isFriend).map(at);
    const strangers = steps.filter((step) => !isFriend(step) && !isFriend(ids.length - step)).map(at);
    const devices: Device[] = [];
    const person = new Person({
      ...{ userId, devices, friends, strangers: strangers.slice(0, strangersOfEach) },
      ...{ feed: history.feedOf(userId), random: this.#fork(), wallNow, pauseMs },
    });
    const kinds = devicesOfEach[number % devicesOfEach.length] ?? [];
    for (const [place, kind] of kinds.entries())
      devices.push(this.#device(userId, `d${place + 1}`, kind, (change) => person.heard(change)));
    return person;
  }

  #device(userId: string, deviceId: string, kind: Kind, onChange: Person['heard']): Device {
    const { history, now } = this.#options;
    const lines = Array.from({ length: kind === 'two sockets' ? 2 : 1 }, () =>
      this.#line(userId, deviceId, kind, onChange),
    );
    // Who has only just lost a connection, or dropped it, may still be served within a second.
    const onUnsent = (): void => {
      const atMs = now();
      if (lines.every(({ awaySinceMs }) => awaySinceMs < atMs - reconnectMs)) history.unsentAtMs.push(atMs);
    };
    return new Device(deviceId, lines, this.#fork(), onUnsent);
  }

  #line(userId: string, deviceId: string, kind: Kind, onChange: Person['heard']): Line {
    const { wsUrls, httpUrls, now } = this.#options;
    const token = this.#tokens.get(userId) ?? '';
    const random = this.#fork();
    const nextConnection = (): number => ++this.#connections;
    const parts = { userId, deviceId, token, log: this.#log, random, nextConnection, onChange };
    if (kind === 'events' || kind === 'polls')
      return new HttpLine({ ...parts, urls: httpUrls, listens: kind });
    return new Link({ ...parts, urls: wsUrls, encoding: random.chance(0.5) ? 'json' : 'msgpack', now });
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
