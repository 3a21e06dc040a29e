import type { GetMessagesParams, SendMessageParams } from '../../src/protocol/calls.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { ProtocolError, type ErrorKind } from '../../src/protocol/protocol-error.ts';
import { FeedListener, isEarlier } from './feed-listener.ts';
import { audit, feedKey } from './mailbox-audit.ts';
import { MailboxHistory, type Attempted } from './mailbox-history.ts';
import { MailboxRig, type RigNode } from './mailbox-rig.ts';
import { ModelWeather } from './model-weather.ts';
import { SeededRandom } from './seeded-random.ts';

const expectedErrors: readonly ErrorKind[] = ['unavailable', 'overloaded'];

class KilledError extends Error {
  override readonly name = 'KilledError';
}

interface Sent {
  readonly params: SendMessageParams;
  readonly to: string;
}

/** One user's device: what it has sent, and the feed it follows over the deaths of nodes. */
interface Device {
  readonly userId: string;
  readonly sent: Sent[];
  readonly cursors: string[];
  readonly heard: FeedListener['changes'];
  listener: FeedListener;
}

/**
 * One seeded run: users send, repeat, mark and read at random, over a store that fails, nodes that die and caches
 * that forget; then everything comes to rest and is audited. Throws what is wrong.
 */
export class ModelRun {
  readonly #random: SeededRandom;
  readonly #rig: MailboxRig;
  readonly #history = new MailboxHistory();
  readonly #userIds: readonly string[];
  readonly #devices: Device[] = [];
  readonly #problems: unknown[] = [];
  readonly #weather: ModelWeather;
  /** FIFO: the seq of the last send of a lane that was taken at its first try, by issue order. */
  readonly #lanes = new Map<string, { issued: number; seq: number }>();
  #nodes: RigNode[] = [];
  #issued = 0;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    const nodes = random.pick([1, 1, 2]);
    this.#random = random;
    this.#weather = new ModelWeather(random);
    this.#userIds = ['ann', 'bob', 'cat', 'dan'].slice(0, random.pick([2, 3, 4]));
    this.#rig = new MailboxRig({ ...this.#weather.rigOptions(), isLeaseCurrent: nodes === 1 });
    this.#rig.faultOf = (call) => this.#weather.faultOf(call);
    this.#nodes = [this.#rig.node, ...Array.from({ length: nodes - 1 }, () => this.#rig.startNode())];
  }

  async run(operations: number): Promise<void> {
    const { time } = this.#rig;
    await this.#rig.users(...this.#userIds);
    for (const node of this.#nodes) node.sweeper.start();
    for (const userId of this.#userIds) this.#open(userId);
    this.#weather.isCalm = false;
    await time.drive(this.#live(operations));
    this.#weather.isCalm = true;
    await time.drive(this.#rig.faulty.settled());
    await time.run(15_000);
    await this.#finish();
  }

  async #finish(): Promise<void> {
    const { alarms } = this.#rig;
    if (this.#problems.length > 0) throw this.#problems[0];
    if (alarms.length > 0) throw new Error(`alarm: ${alarms[0]?.what}`, { cause: alarms[0]?.error });
    const limit = this.#random.pick([1, 3, 7, 100]);
    const [node] = this.#nodes;
    if (this.#nodes.length > 1) await this.#lookEverywhere();
    const views = await audit(this.#rig, node!, this.#userIds, this.#history, limit);
    for (const { userId, heard, listener } of this.#devices) {
      if (listener.resets > 0) continue;
      const expected = views.get(userId)?.changes;
      if (JSON.stringify(heard.map(feedKey)) !== JSON.stringify(expected?.map(feedKey))) {
        throw new Error(`G8: ${userId} heard ${heard.length} changes of ${expected?.length}`);
      }
    }
    for (const each of this.#nodes) each.process.kill();
    const fresh = this.#rig.restart();
    const again = await audit(this.#rig, fresh, this.#userIds, this.#history, 50);
    if (JSON.stringify([...again]) !== JSON.stringify([...views])) {
      for (const [userId, view] of again) {
        const before = views.get(userId);
        if (JSON.stringify(view) !== JSON.stringify(before))
          throw new Error(`memory of ${userId} is not its row`);
      }
    }
  }

  /** A node that did not write a row last hears of it when it is asked. */
  async #lookEverywhere(): Promise<void> {
    const { time } = this.#rig;
    for (const node of this.#nodes) {
      for (const userId of this.#userIds)
        await time.drive(node.mailbox(userId).call('account', null, this.#rig.deadline()));
    }
    await time.run(1_000);
  }

  async #live(operations: number): Promise<void> {
    const running: Promise<void>[] = [];
    const random = this.#random;
    for (let count = 0; count < operations; count++) {
      running.push(this.#act(random.pick(this.#devices)));
      if (random.chance(0.6)) await this.#pause(random.below(12));
      if (random.chance(0.01)) this.#restart();
      this.#weather.change(this.#rig.time);
      if (random.chance(0.005)) this.#rig.time.skewWall(random.pick([-5_000, 3_000]));
      if (running.length > 40) await running.shift();
    }
    await Promise.all(running);
  }

  async #act(device: Device): Promise<void> {
    try {
      const kind = this.#random.below(20);
      if (kind < 8) await this.#send(device);
      else if (kind < 10) await this.#repeat(device);
      else if (kind < 13) await this.#mark(device);
      else if (kind < 16) await this.#readMessages(device);
      else if (kind < 18) await this.#readList(device);
      else await this.#readChanges(device);
    } catch (error) {
      if (error instanceof KilledError) return;
      if (error instanceof ProtocolError && expectedErrors.includes(error.kind)) return;
      this.#problems.push(error);
    }
  }

  async #send(device: Device): Promise<void> {
    const random = this.#random;
    const { userId, sent } = device;
    const to = random.pick(this.#userIds.filter((other) => other !== userId));
    const text = `${userId} ${++this.#issued} ${'x'.repeat(random.below(200))}`;
    const previous = sent.findLast((other) => other.to === to);
    const after = previous !== undefined && random.chance(0.1) ? { after: previous.params.messageId } : {};
    const messageId = `${this.#rig.time.wallMs()}.${userId}.d1.${this.#issued}`;
    const params = { conversationId: dmIdOf(userId, to), text, messageId, ...after };
    const send: Sent = { params, to };
    sent.push(send);
    const tries = random.pick([1, 3, 6]);
    const twice = random.chance(0.1) ? this.#try(device, send) : undefined;
    await Promise.all([this.#insist(device, send, tries), twice?.catch(ignoreExpected)]);
  }

  async #insist(device: Device, send: Sent, tries: number): Promise<void> {
    for (let left = tries; left > 0; left--) {
      try {
        await this.#try(device, send);
        return;
      } catch (error) {
        // Another content may have come first; `#mayRefuse` has looked at whether that can be.
        if (error instanceof ProtocolError && ['out_of_order', 'conflict'].includes(error.kind)) return;
        ignoreExpected(error);
        await this.#pause(this.#random.below(60));
      }
    }
  }

  async #repeat(device: Device): Promise<void> {
    if (device.sent.length === 0) return;
    const send = this.#random.pick(device.sent);
    if (this.#random.chance(0.8)) return this.#insist(device, send, 2);
    const params = { ...send.params, text: `${send.params.text}?` };
    try {
      await this.#try(device, { ...send, params });
    } catch (error) {
      const kinds: readonly ErrorKind[] = ['conflict', 'out_of_order'];
      if (!(error instanceof ProtocolError && kinds.includes(error.kind))) throw error;
    }
  }

  async #try(device: Device, { params, to }: Sent): Promise<void> {
    const { userId } = device;
    const attempt = this.#history.attempt(userId, to, params);
    const isFirst = !this.#seenBefore.has(params.messageId);
    this.#seenBefore.add(params.messageId);
    const node = this.#random.pick(this.#nodes);
    const wasThere = params.after !== undefined && this.#history.attempts.get(params.after)?.acked === true;
    const issued = ++this.#issued;
    try {
      const result = await this.#call(
        node,
        node.mailbox(userId).call('sendMessage', params, this.#rig.deadline(700)),
      );
      this.#history.acknowledged(attempt, params.text, result);
      if (isFirst && !result.duplicate) this.#inOrder(node, attempt, issued, result.seq);
    } catch (error) {
      if (error instanceof ProtocolError) this.#mayRefuse(error, attempt, params, wasThere);
      throw error;
    }
  }

  readonly #seenBefore = new Set<string>();

  #mayRefuse(
    { kind }: ProtocolError,
    attempt: Attempted,
    params: SendMessageParams,
    wasThere: boolean,
  ): void {
    if (kind === 'conflict' && attempt.texts.size < 2) throw new Error('G2: a conflict with itself');
    if (kind !== 'out_of_order') return;
    if (params.after === undefined || wasThere) throw new Error('G3: out of order after what is there');
  }

  #inOrder(node: RigNode, { from, conversationId }: Attempted, issued: number, seq: number): void {
    const lane = `${this.#nodes.indexOf(node)} ${node.tally.activations >= 0} ${from} ${conversationId}`;
    const last = this.#lanes.get(lane);
    if (last !== undefined && issued > last.issued && seq < last.seq) {
      throw new Error(`G3: ${seq} was sent after ${last.seq}`);
    }
    if (last === undefined || issued > last.issued) this.#lanes.set(lane, { issued, seq });
  }

  async #mark({ userId }: Device): Promise<void> {
    const conversationId = this.#conversationOf(userId);
    const must = this.#history.mustSeeOf(userId, conversationId);
    const seqs = [...must];
    const seq = seqs.length > 0 ? this.#random.pick(seqs) + this.#random.pick([0, 0, 1, -1]) : 2;
    const params = { conversationId, seq: Math.max(1, seq) };
    try {
      if (this.#random.chance(0.4)) {
        const before = this.#history.deliveredOf(userId, conversationId);
        const result = await this.#ask(userId, (mailbox, deadline) =>
          mailbox.call('markDelivered', params, deadline),
        );
        this.#history.markedDelivered(userId, params, must, before, result);
        return;
      }
      const before = this.#history.markOf(userId, conversationId);
      const result = await this.#ask(userId, (mailbox, deadline) =>
        mailbox.call('markRead', params, deadline),
      );
      this.#history.marked(userId, params, must, before, result);
    } catch (error) {
      if (!isNotFound(error) || seqs.length > 0) throw error;
    }
  }

  async #readMessages({ userId }: Device): Promise<void> {
    const random = this.#random;
    const conversationId = this.#conversationOf(userId);
    const must = this.#history.mustSeeOf(userId, conversationId);
    const changed = this.#history.changes.known(userId);
    const seq = Math.max(1, random.below(Math.max(1, ...must) + 3));
    const where = random.pick([{}, {}, { before: seq }, { after: seq - 1 }, { offset: random.below(9) }]);
    const params: GetMessagesParams = { conversationId, limit: random.pick([1, 2, 5, 50]), ...where };
    try {
      const page = await this.#ask(userId, (mailbox, deadline) =>
        mailbox.call('getMessages', params, deadline),
      );
      this.#history.sawPage(userId, params, must, page, changed);
    } catch (error) {
      if (!isNotFound(error) || must.size > 0) throw error;
    }
  }

  async #readList({ userId }: Device): Promise<void> {
    const known = new Map(
      this.#userIds
        .filter((other) => other !== userId)
        .map((other) => dmIdOf(userId, other))
        .map((id) => [id, [this.#history.mustSeeOf(userId, id), this.#history.markOf(userId, id)] as const]),
    );
    const params = { limit: this.#random.pick([1, 30]), offset: this.#random.below(2) };
    const list = await this.#ask(userId, (mailbox, deadline) =>
      mailbox.call('getConversations', params, deadline),
    );
    const empty = [new Set<number>(), 0] as const;
    const knownOf = (id: string) => known.get(id) ?? empty;
    this.#history.sawList(
      userId,
      list,
      (id) => knownOf(id)[0],
      (id) => knownOf(id)[1],
    );
  }

  async #readChanges({ userId, cursors }: Device): Promise<void> {
    const since = this.#random.pick(cursors);
    const params = { since, limit: this.#random.pick([1, 3, 50]) };
    const page = await this.#ask(userId, (mailbox, deadline) => mailbox.call('getChanges', params, deadline));
    if ('reset' in page) throw new Error(`G8: reset from ${since}`);
    let position = since;
    for (const change of page.changes) {
      if (!isEarlier(position, change.cursor)) throw new Error(`G8: ${change.cursor} after ${position}`);
      position = change.cursor;
      if (change.kind === 'message') this.#history.saw(userId, change.message);
    }
    cursors.push(page.cursor);
  }

  #conversationOf(userId: string): string {
    return dmIdOf(userId, this.#random.pick(this.#userIds.filter((other) => other !== userId)));
  }

  #ask<T>(userId: string, ask: (mailbox: ReturnType<RigNode['mailbox']>, deadline: number) => Promise<T>) {
    const node = this.#random.pick(this.#nodes);
    return this.#call(node, ask(node.mailbox(userId), this.#rig.deadline(700)));
  }

  #call<T>(node: RigNode, work: Promise<T>): Promise<T> {
    const killed = node.process.death.then(() => {
      throw new KilledError('the node was killed');
    });
    return Promise.race([work, killed]);
  }

  #open(userId: string): void {
    const known = this.#devices.find((device) => device.userId === userId);
    const heard = known?.heard ?? [];
    const since = known?.listener.position ?? '0';
    known?.listener.stop();
    const node = this.#random.pick(this.#nodes);
    const listener = new FeedListener(since, {
      mailbox: node.mailbox(userId),
      time: node.process.time,
      limit: this.#random.pick([1, 4, 100]),
      hasRoom: () => this.#weather.isCalm || this.#random.chance(0.9),
      onChange: (change) => {
        heard.push(change);
        if (change.kind === 'message') this.#history.saw(userId, change.message);
      },
    });
    if (known === undefined) this.#devices.push({ userId, sent: [], cursors: ['0'], heard, listener });
    else known.listener = listener;
  }

  /** Kills one node; the other ones go on, and devices come back to any of them. */
  #restart(): void {
    const index = this.#random.below(this.#nodes.length);
    this.#nodes[index]?.process.kill();
    this.#nodes = this.#nodes.with(index, this.#rig.startNode());
    this.#lanes.clear();
    this.#nodes[index]?.sweeper.start();
    for (const userId of this.#userIds) this.#open(userId);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#rig.time.after(ms, resolve);
    });
  }
}

function ignoreExpected(error: unknown): void {
  const isExpected =
    error instanceof KilledError ||
    (error instanceof ProtocolError && [...expectedErrors, 'out_of_order', 'conflict'].includes(error.kind));
  if (!isExpected) throw error;
}

function isNotFound(error: unknown): boolean {
  return error instanceof ProtocolError && error.kind === 'not_found';
}
