import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Feed } from '../history.ts';
import type { Device } from './device.ts';
import { type Change, dmOf, isDm, type Message, type SendParams } from './protocol-shapes.ts';

export interface PersonOptions {
  readonly userId: string;
  readonly devices: readonly Device[];
  /** With whom to talk. */
  readonly friends: readonly string[];
  readonly feed: Feed;
  readonly random: SeededRandom;
  /** The clock on this person's wall, epoch milliseconds; part of message ids. */
  readonly wallNow: () => number;
  /** Mean time between two things that this person does. */
  readonly pauseMs: number;
}

/** What a person knows of a conversation. */
interface Known {
  readonly seqs: number[];
  readonly ownSeqs: number[];
}

interface Sent {
  readonly device: Device;
  readonly params: SendParams;
}

const underWayMax = 8;
const rememberedMax = 200;
const pageLimits = [1, 5, 20, 50];
const feedPageLimit = 200;

/** Talks to friends and in groups, changes its mind, reads, loses connections: a user as the server knows it. */
export class Person {
  readonly userId: string;
  readonly #options: PersonOptions;
  readonly #random: SeededRandom;
  readonly #known = new Map<string, Known>();
  readonly #groups = new Set<string>();
  readonly #sent: Sent[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #serial = 0;
  #isActive = false;
  #mayInsist = true;
  #running: Promise<void> = Promise.resolve();
  #feedTurn: Promise<boolean> = Promise.resolve(true);

  constructor(options: PersonOptions) {
    this.#options = options;
    this.userId = options.userId;
    this.#random = options.random;
  }

  connect(): void {
    for (const device of this.#options.devices) device.start();
  }

  start(): void {
    this.#isActive = true;
    this.#running = this.#run();
  }

  /** Begins nothing new, and goes on with what is under way. Resolves with how many things then are still undone. */
  async finish(timeoutMs: number): Promise<number> {
    this.#isActive = false;
    await this.#running;
    const done = Promise.all(this.#underWay);
    await Promise.race([done, sleep(timeoutMs, undefined, { ref: false })]);
    const undone = this.#underWay.size;
    this.#mayInsist = false;
    return undone;
  }

  async leave(): Promise<void> {
    this.#isActive = false;
    this.#mayInsist = false;
    await this.#running;
    await Promise.all(this.#options.devices.map((device) => device.end()));
  }

  /** Told by the devices. */
  heard(change: Change): void {
    if (change.kind === 'message') this.#saw(change.message);
    if (change.kind === 'conversation') {
      const { conversationId } = change.conversation;
      if (isDm(conversationId)) return;
      if (change.left === true) this.#groups.delete(conversationId);
      else this.#groups.add(conversationId);
    }
  }

  /** Asks for changes until there are no more. @returns false where the server does not answer */
  readFeed(mayGoOn: () => boolean): Promise<boolean> {
    this.#feedTurn = this.#feedTurn.then(() => this.#readFeed(mayGoOn));
    return this.#feedTurn;
  }

  async #readFeed(mayGoOn: () => boolean): Promise<boolean> {
    const { feed } = this.#options;
    for (;;) {
      const since = feed.changes.at(-1)?.cursor ?? feed.startCursor;
      const params = { limit: feedPageLimit, ...(since !== undefined && { since }) };
      const outcome = await this.#anyDevice().insist('getChanges', params, mayGoOn);
      if (outcome?.kind !== 'ok') return false;
      if (outcome.result.reset === true) {
        feed.wasReset = true;
        feed.changes.length = 0;
        feed.startCursor = outcome.result.cursor;
        return true;
      }
      if (since === undefined) {
        feed.startCursor = outcome.result.cursor;
        return true;
      }
      feed.changes.push(...outcome.result.changes);
      if (!outcome.result.hasMore) return true;
    }
  }

  async #run(): Promise<void> {
    while (this.#isActive) {
      await sleep(this.#options.pauseMs * 2 * this.#random.next());
      if (this.#underWay.size < underWayMax) this.#act();
    }
  }

  #act(): void {
    const dice = this.#random.below(100);
    if (dice < 40) this.#start(this.#send());
    else if (dice < 48) this.#burst();
    else if (dice < 53) this.#start(this.#sendTwiceAtOnce());
    else if (dice < 57) this.#start(this.#repeat());
    else if (dice < 62) this.#start(this.#edit());
    else if (dice < 65) this.#start(this.#delete());
    else if (dice < 75) this.#start(this.#mark());
    else if (dice < 83) this.#start(this.#readMessages());
    else if (dice < 89) this.#start(this.#readList());
    else if (dice < 95) this.#start(this.readFeed(() => this.#isActive));
    else if (dice < 98) this.#start(this.#organise());
    else this.#anyLink().drop(this.#random.chance(0.5));
  }

  /** Keeps it among what is under way until it is done. */
  #start(work: Promise<unknown>): void {
    const tracked: Promise<void> = work.then(() => {
      this.#underWay.delete(tracked);
    });
    this.#underWay.add(tracked);
  }

  #anyDevice(): Device {
    return this.#random.pick(this.#options.devices);
  }

  #anyLink(): Device['links'][number] {
    return this.#random.pick(this.#anyDevice().links);
  }

  readonly #goesOn = (): boolean => this.#mayInsist;

  #newId(device: Device): string {
    return `${this.#options.wallNow()}.${this.userId}.${device.deviceId}.${++this.#serial}`;
  }

  #newMessage(device: Device, conversationId = this.#anyConversation()): Sent {
    const messageId = this.#newId(device);
    const text = `${messageId} says ${'x'.repeat(this.#random.below(60))}`;
    return { device, params: { conversationId, text, messageId } };
  }

  #anyConversation(): string {
    const groups = [...this.#groups];
    if (groups.length > 0 && this.#random.chance(0.4)) return this.#random.pick(groups);
    return dmOf(this.userId, this.#random.pick(this.#options.friends));
  }

  #saw({ conversationId, seq, from }: Pick<Message, 'conversationId' | 'seq' | 'from'>): void {
    const known = this.#known.get(conversationId) ?? { seqs: [], ownSeqs: [] };
    this.#known.set(conversationId, known);
    for (const seqs of from === this.userId ? [known.seqs, known.ownSeqs] : [known.seqs]) {
      seqs.push(seq);
      if (seqs.length > rememberedMax) seqs.shift();
    }
  }

  #remember(sent: Sent): void {
    this.#sent.push(sent);
    if (this.#sent.length > rememberedMax) this.#sent.shift();
  }

  async #deliver(sent: Sent): Promise<void> {
    const outcome = await sent.device.insist('sendMessage', sent.params, this.#goesOn);
    if (outcome?.kind === 'ok') this.#remember(sent);
  }

  #send(): Promise<void> {
    return this.#deliver(this.#newMessage(this.#anyDevice()));
  }

  /** Several messages to one conversation on one socket, none waiting for the one before. */
  #burst(): void {
    const device = this.#anyDevice();
    const link = this.#random.pick(device.links);
    const conversationId = this.#anyConversation();
    for (let left = 2 + this.#random.below(4); left > 0; left--) {
      const sent = this.#newMessage(device, conversationId);
      const first = link.call('sendMessage', sent.params);
      if (first === undefined) return;
      this.#start(first.then(({ kind }) => (kind === 'ok' ? this.#remember(sent) : this.#deliver(sent))));
    }
  }

  async #sendTwiceAtOnce(): Promise<void> {
    const sent = this.#newMessage(this.#anyDevice());
    const tries = sent.device.links.map(async (link) => link.call('sendMessage', sent.params));
    await Promise.all(tries);
    await this.#deliver(sent);
  }

  async #repeat(): Promise<void> {
    const sent = this.#sent.at(this.#random.below(this.#sent.length));
    if (sent !== undefined) await sent.device.insist('sendMessage', sent.params, this.#goesOn);
  }

  #ownMessage(): { conversationId: string; seq: number } | undefined {
    const places = [...this.#known].flatMap(([conversationId, { ownSeqs }]) =>
      ownSeqs.map((seq) => ({ conversationId, seq })),
    );
    return places.length === 0 ? undefined : this.#random.pick(places);
  }

  async #edit(): Promise<void> {
    const place = this.#ownMessage();
    if (place === undefined) return;
    const device = this.#anyDevice();
    const messageId = this.#newId(device);
    await device.insist('editMessage', { ...place, text: `${messageId} edits`, messageId }, this.#goesOn);
  }

  async #delete(): Promise<void> {
    const place = this.#ownMessage();
    if (place === undefined) return;
    const device = this.#anyDevice();
    await device.insist('deleteMessage', { ...place, messageId: this.#newId(device) }, this.#goesOn);
  }

  async #mark(): Promise<void> {
    const [conversationId, known] = this.#random.pick([...this.#known, ['', undefined] as const]);
    if (known === undefined) return;
    const seq = this.#random.pick(known.seqs.slice(-10));
    const method = this.#random.chance(0.6) ? 'markRead' : 'markDelivered';
    await this.#anyDevice().insist(method, { conversationId, seq }, this.#goesOn);
  }

  async #readMessages(): Promise<void> {
    const conversationId = this.#anyConversation();
    await this.#anyDevice().call('getMessages', { conversationId, limit: this.#random.pick(pageLimits) });
  }

  async #readList(): Promise<void> {
    await this.#anyDevice().call('getConversations', { limit: 100, offset: 0 });
  }

  async #organise(): Promise<void> {
    const { friends } = this.#options;
    const device = this.#anyDevice();
    const groups = [...this.#groups];
    const dice = this.#random.below(10);
    if (groups.length === 0 || (dice < 2 && groups.length < 5)) {
      const count = 1 + this.#random.below(friends.length);
      const requestId = `${this.userId}-${++this.#serial}`;
      const members = friends.slice(0, count);
      await device.insist(
        'createGroup',
        { name: `group ${requestId}`, members, requestId, history: 'all' },
        this.#goesOn,
      );
      return;
    }
    const conversationId = this.#random.pick(groups);
    const members = [this.#random.pick(friends)];
    if (dice < 6) await device.insist('addMembers', { conversationId, members }, this.#goesOn);
    else if (dice < 8) await device.insist('removeMembers', { conversationId, members }, this.#goesOn);
    else if (dice < 9) {
      const name = `renamed ${++this.#serial}`;
      await device.insist('renameGroup', { conversationId, name }, this.#goesOn);
    } else await device.insist('leaveGroup', { conversationId }, this.#goesOn);
  }
}
