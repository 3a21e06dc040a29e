import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Feed } from '../history.ts';
import type { Device } from './device.ts';
import type { Line } from './line.ts';
import { type Change, dmOf, isDm, type Message, type SendParams } from './protocol-shapes.ts';
import { Social } from './social.ts';

export interface PersonOptions {
  readonly userId: string;
  readonly devices: readonly Device[];
  /** With whom to talk. */
  readonly friends: readonly string[];
  /** Whom to watch only. */
  readonly strangers: readonly string[];
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
const burstMax = 6;
/** With pauses the first ones are under way when the last ones are sent. */
const burstPausesMs = [0, 20, 300, 300];
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
  #blockTurn: Promise<void> = Promise.resolve();
  readonly #social: Social;
  /** What is done at times, and how often against the rest. */
  readonly #acts: readonly (readonly [weight: number, act: () => void])[];

  constructor(options: PersonOptions) {
    this.#options = options;
    this.userId = options.userId;
    this.#random = options.random;
    const { devices, friends, strangers, random } = options;
    this.#social = new Social({ devices, friends, strangers, random, mayInsist: this.#goesOn });
    this.#acts = this.#allActs();
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
    await this.rest();
  }

  /** Ends some of its blocks, so that the marks of both are shown again. */
  async forgive(mayGoOn: () => boolean): Promise<void> {
    await this.#social.forgive(mayGoOn);
  }

  /** Looks who is there, and types to all friends. */
  async greet(): Promise<void> {
    await this.#social.watchAll();
    const peers = this.#options.friends.map((friend) => dmOf(this.userId, friend));
    await Promise.all(peers.map((conversationId) => this.#social.type(conversationId, true)));
  }

  /** All devices go; they can be connected again. */
  async rest(): Promise<void> {
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

  #allActs(): readonly (readonly [number, () => void])[] {
    const does = (weight: number, work: () => Promise<unknown>): readonly [number, () => void] => [
      weight,
      () => this.#start(work()),
    ];
    return [
      does(38, () => this.#send()),
      does(12, () => this.#burst()),
      does(5, () => this.#sendTwiceAtOnce()),
      does(4, () => this.#repeat()),
      does(5, () => this.#edit()),
      does(3, () => this.#delete()),
      does(9, () => this.#mark()),
      does(8, () => this.#readMessages()),
      does(6, () => this.#readList()),
      does(6, () => this.readFeed(() => this.#isActive)),
      does(3, () => this.#organise()),
      // One after the other, or nobody would know whether the block or its end was the last.
      does(1, () => this.#inTurn(() => this.#social.turnBlock())),
      does(2, () => this.#social.watch()),
      does(2, () => this.#social.type(this.#anyConversation(), this.#random.chance(0.8))),
      [2, () => this.#anyLine().drop(this.#random.chance(0.5))],
    ];
  }

  #act(): void {
    let at = this.#random.below(this.#acts.reduce((sum, [weight]) => sum + weight, 0));
    const act = this.#acts.find(([weight]) => (at -= weight) < 0);
    act?.[1]();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#blockTurn = this.#blockTurn.then(work);
    return this.#blockTurn;
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

  #anyLine(): Line {
    return this.#random.pick(this.#anyDevice().lines);
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

  /** Several messages to one conversation on one line, at once or one after the other, none waiting for one before. */
  async #burst(): Promise<void> {
    const device = this.#anyDevice();
    const line = this.#random.pick(device.lines);
    const conversationId = this.#anyConversation();
    const pauseMs = this.#random.pick(burstPausesMs);
    for (let left = 2 + this.#random.below(burstMax); left > 0 && this.#isActive; left--) {
      const sent = this.#newMessage(device, conversationId);
      const first = line.call('sendMessage', sent.params);
      if (first === undefined) return;
      this.#start(first.then(({ kind }) => (kind === 'ok' ? this.#remember(sent) : this.#deliver(sent))));
      if (pauseMs > 0) await sleep(pauseMs * this.#random.next());
    }
  }

  async #sendTwiceAtOnce(): Promise<void> {
    const sent = this.#newMessage(this.#anyDevice());
    const tries = sent.device.lines.map(async (line) => line.call('sendMessage', sent.params));
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
