import type { Change, Conversation, Message } from '../../src/protocol/message.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import { groupIdOf } from '../../src/router/group-id.ts';
import type { UserPort } from '../../src/router/mailbox-port.ts';
import { GroupHistory } from '../support/group-history.ts';
import type { MailboxRig } from '../support/mailbox-rig.ts';
import type { SimCluster } from './sim-cluster.ts';
import { isRetryable, type SimDevice } from './sim-device.ts';

/** A user may be out as long as this is open: while a call that puts it out, or in, is under way. */
interface Belonging {
  isIn: boolean;
  isChanging: boolean;
  /** Comings and goings so far. */
  changes: number;
  /** Tries to put it out or in that a node may still carry out, though the device has given them up. */
  triesUnderWay: number;
}

/** A group of all users: what they do to it, and what they may expect. The first user owns it and stays. */
export class SimGroups {
  readonly #cluster: SimCluster;
  readonly #userIds: readonly string[];
  readonly #owner: string;
  readonly #blocks: ReadonlySet<string>;
  readonly #groupId: string;
  readonly #history: GroupHistory;
  readonly #belonging = new Map<string, Belonging>();
  /** By user: ids of messages that were sent while the user was certainly out. */
  readonly #missed = new Map<string, Set<string>>();
  #typed = 0;

  /** @param blocks `who whom` of all that were ever blocked */
  constructor(cluster: SimCluster, userIds: readonly string[], blocks: ReadonlySet<string>) {
    const [owner = ''] = userIds;
    this.#cluster = cluster;
    this.#blocks = blocks;
    this.#userIds = userIds;
    this.#owner = owner;
    this.#groupId = groupIdOf(owner, 'sim');
    this.#history = new GroupHistory(this.#groupId);
    for (const userId of userIds) {
      this.#belonging.set(userId, { isIn: true, isChanging: false, changes: 0, triesUnderWay: 0 });
      this.#missed.set(userId, new Set());
    }
    // Where it becomes large with its last member, that one comes later.
    const { groupLimits, users } = cluster.climate;
    const last = this.#belonging.get(userIds.at(-1) ?? '');
    const isLate = groupLimits.fanOutMembersMax === users - 1 && users > 2;
    if (isLate && last !== undefined) last.isIn = false;
  }

  /** Makes the group, with nobody disturbing. */
  async begin(mailbox: UserPort, deadline: number): Promise<void> {
    const members = this.#userIds.slice(1).filter((userId) => this.#of(userId).isIn);
    const history = this.#cluster.climate.groupHistory;
    await mailbox.createGroup({ name: 'G0', members, requestId: 'sim', history }, deadline);
  }

  /** One operation of a device. Throws what a client must not get. */
  async act(device: SimDevice): Promise<void> {
    const kind = this.#cluster.random.below(23);
    if (kind < 11) await this.#sayAll(device);
    else if (kind < 14) await this.#mark(device);
    else if (kind < 17) await this.#read(device);
    else if (kind < 20) await this.#change(device);
    else if (device.userId === this.#owner) await this.#manage(device);
  }

  /** A receipt that was pushed to a device. */
  told(label: string, change: Extract<Change, { kind: 'receipt' }>): void {
    this.#history.toldReceipt(label, change);
  }

  /** Something of a feed, or of a list. */
  heard(userId: string, change: Change): void {
    if ('message' in change) this.#saw(userId, change.message);
  }

  #saw(userId: string, message: Message): void {
    this.#history.saw(userId, message);
    if (!this.#hidesOlder || !this.#missed.get(userId)?.has(message.messageId)) return;
    throw new Error(`${userId} sees ${message.messageId}, which was sent while it was out`);
  }

  get #hidesOlder(): boolean {
    return this.#cluster.climate.groupHistory === 'sinceJoin';
  }

  /** Who came in later may find nothing of what it has seen before. */
  #mayFindLess(userId: string): boolean {
    return this.#hidesOlder && this.#of(userId).changes > 0;
  }

  /** Users who are out, if they still are when it is called. */
  #outside(): () => readonly string[] {
    const out = [...this.#belonging].filter(([, { isIn, isChanging }]) => !isIn && !isChanging);
    const since = out.map(([userId, { changes }]) => ({ userId, changes }));
    return () => since.flatMap(({ userId, changes }) => (this.#of(userId).changes === changes ? userId : []));
  }

  /** Where the user is certainly in, or out, from the beginning of a call to its end, that decides its outcome. */
  async #asMember<T>(userId: string, ask: () => Promise<T>): Promise<T | undefined> {
    const belonging = this.#of(userId);
    const { isIn, isChanging, changes } = belonging;
    const isCertain = (): boolean => !isChanging && belonging.changes === changes;
    try {
      const answer = await ask();
      if (isCertain() && !isIn) throw new Error(`${userId} is out, and was served`);
      return answer;
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.kind !== 'not_found') throw error;
      if (isCertain() && isIn) throw new Error(`${userId} is in, and was refused`, { cause: error });
      return undefined;
    }
  }

  /** One message, or several in a row. */
  async #sayAll(device: SimDevice): Promise<void> {
    const count = this.#cluster.random.pick([1, 1, 1, 4]);
    await Promise.all(Array.from({ length: count }, () => this.#say(device)));
  }

  async #say(device: SimDevice): Promise<void> {
    const { userId, deviceId, style } = device;
    const { random, world, log } = this.#cluster;
    const number = ++this.#typed;
    const messageId = `${world.wallMs()}.${userId}.${deviceId}.g${number}`;
    const text = `${device.label} to all ${number} ${'x'.repeat(random.below(60))}`;
    const attempt = this.#history.attempt(messageId, userId, text);
    const stillOutside = this.#outside();
    log.trace(`${device.label} says ${messageId}`);
    const params = { conversationId: this.#groupId, messageId, text };
    const repeats = random.chance(0.1) ? 2 : 1;
    for (let tries = 1, acks = 0; acks < repeats; tries++) {
      const issued = device.nextIssue();
      try {
        const link = await device.connected();
        const sent = await this.#asMember(userId, () =>
          link.call((mailbox, deadline) => mailbox.callGroup(this.#groupId, 'sendMessage', params, deadline)),
        );
        if (sent === undefined) return;
        this.#history.acknowledged(attempt, sent);
        for (const outside of stillOutside()) this.#missed.get(outside)?.add(messageId);
        log.trace(`${device.label} ${messageId} is acknowledged as ${sent.seq}`);
        if (acks++ === 0 && tries === 1 && !sent.duplicate && style === 'pipelined') {
          device.noteOrder(link, { lane: this.#groupId, issued, seq: sent.seq });
        }
      } catch (error) {
        if (!isRetryable(error)) throw error;
        await this.#pause(20 + random.below(Math.min(400, 20 * 2 ** tries)));
      }
    }
  }

  /** Edits or deletes an own message, until that is acknowledged, or the message is gone. */
  async #change(device: SimDevice): Promise<void> {
    const { userId, deviceId } = device;
    const { random, world, log } = this.#cluster;
    const own = this.#history.ownOf(userId);
    if (own.length === 0) return;
    const seq = random.pick(own);
    const kind = random.chance(0.7) ? 'edit' : 'delete';
    const number = ++this.#typed;
    const messageId = `${world.wallMs()}.${userId}.${deviceId}.g${number}`;
    const text = kind === 'edit' ? `${device.label} edit ${number}` : '';
    const attempt = this.#history.attemptChange({ kind, messageId, seq, text });
    log.trace(`${device.label} ${kind}s ${seq}: ${messageId}`);
    const params = { conversationId: this.#groupId, seq, messageId };
    const repeats = random.chance(0.2) ? 2 : 1;
    for (let tries = 1, acks = 0; acks < repeats; tries++) {
      try {
        const at = await this.#asMember(userId, () =>
          device
            .ask(async (mailbox, deadline) =>
              kind === 'edit'
                ? (await mailbox.callGroup(this.#groupId, 'editMessage', { ...params, text }, deadline))
                    .editedAt
                : (await mailbox.callGroup(this.#groupId, 'deleteMessage', params, deadline)).deletedAt,
            )
            .catch((error: unknown) => {
              // Gone with its message, and not with its author.
              const isGone = error instanceof ProtocolError && error.message === 'no such message';
              const mayBeGone = kind === 'edit' && this.#history.mayBeDeleted(seq);
              if (!isGone || !(mayBeGone || this.#mayFindLess(userId))) throw error;
              return undefined;
            }),
        );
        if (at === undefined) return;
        this.#history.changed(attempt, at);
        acks++;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        await this.#pause(20 + random.below(Math.min(400, 20 * 2 ** tries)));
      }
    }
  }

  async #mark(device: SimDevice): Promise<void> {
    const { userId } = device;
    if (this.#cluster.random.chance(0.3)) return this.#markDelivered(device);
    const before = { seen: this.#history.seenBy(userId), mark: this.#history.markOf(userId) };
    const seq = Math.max(1, this.#cluster.random.below(before.seen + 3));
    const params = { conversationId: this.#groupId, seq };
    const { changes } = this.#of(userId);
    const result = await this.#asMember(userId, () =>
      device.ask((mailbox, deadline) => mailbox.call('markRead', params, deadline)),
    );
    // Whoever came in anew meanwhile has another mark.
    const isSame = this.#of(userId).changes === changes && !this.#of(userId).isChanging;
    if (result !== undefined && isSame) this.#history.marked(userId, seq, before, result);
  }

  async #markDelivered(device: SimDevice): Promise<void> {
    const { userId } = device;
    const seq = Math.max(1, this.#history.seenBy(userId));
    const params = { conversationId: this.#groupId, seq };
    await this.#asMember(userId, () =>
      device.ask((mailbox, deadline) => mailbox.call('markDelivered', params, deadline)),
    );
  }

  async #read(device: SimDevice): Promise<void> {
    const { userId } = device;
    const { random } = this.#cluster;
    const seen = this.#history.seenBy(userId);
    const before = { seen, changes: this.#history.knownChanges() };
    const isNewest = random.chance(0.6);
    const where = isNewest ? {} : { before: 1 + random.below(seen + 3) };
    const params = { conversationId: this.#groupId, limit: random.pick([2, 5, 50]), ...where };
    const page = await this.#asMember(userId, () =>
      device.ask((mailbox, deadline) => mailbox.callGroup(this.#groupId, 'getMessages', params, deadline)),
    );
    if (page === undefined) return;
    for (const message of page.messages) this.#saw(userId, message);
    const isWhole = isNewest && (page.messages.length > 0 || !this.#mayFindLess(userId));
    this.#history.sawPage(userId, page.messages, before, isWhole);
  }

  /** The owner puts somebody out, or in, or gives the group another name; insists until that is done. */
  async #manage(device: SimDevice): Promise<void> {
    const { random } = this.#cluster;
    const conversationId = this.#groupId;
    if (random.chance(0.3)) {
      const name = `G${++this.#typed}`;
      await this.#insist(device, (mailbox, deadline) =>
        mailbox.callGroup(conversationId, 'renameGroup', { conversationId, name }, deadline),
      );
      return;
    }
    const userId = random.pick(this.#userIds.slice(1));
    const belonging = this.#of(userId);
    // These calls carry nothing that tells a late try from a new one: a removal that a paused node carries out when it
    // runs again puts out who was put in meanwhile.
    if (belonging.isChanging || belonging.triesUnderWay > 0) return;
    const call = belonging.isIn ? 'removeMembers' : 'addMembers';
    belonging.isChanging = true;
    belonging.changes++;
    this.#history.forgetReceipts(userId);
    this.#cluster.log.trace(`${device.label} ${call} ${userId}`);
    await this.#insist(
      device,
      (mailbox, deadline) =>
        mailbox.callGroup(conversationId, call, { conversationId, members: [userId] }, deadline),
      belonging,
    );
    this.#history.forgetReceipts(userId);
    if (call === 'addMembers') this.#history.rejoined(userId);
    belonging.isIn = !belonging.isIn;
    belonging.isChanging = false;
    belonging.changes++;
  }

  async #insist(
    device: SimDevice,
    ask: (mailbox: UserPort, deadline: number) => Promise<object>,
    tally: Pick<Belonging, 'triesUnderWay'> = { triesUnderWay: 0 },
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      tally.triesUnderWay++;
      try {
        await device.ask(ask, () => {
          tally.triesUnderWay--;
        });
        return;
      } catch (error) {
        if (!isRetryable(error) && !this.#isBlockedFor(device.userId, error)) throw error;
        await this.#pause(20 + this.#cluster.random.below(Math.min(400, 20 * 2 ** tries)));
      }
    }
  }

  /** After everything has come to rest: as a process sees the rows that was never there before. */
  async audit(
    rig: MailboxRig,
    viewed: (userId: string) => { conversations: readonly Conversation[]; changes: readonly Change[] },
    devices: readonly SimDevice[],
  ): Promise<void> {
    const group = rig.node.registry.group(this.#groupId);
    const messages: Message[] = [];
    for (let hasMore = true; hasMore;) {
      const params = { conversationId: this.#groupId, limit: 50, after: messages.length };
      const page = await rig.time.drive(group.messages(this.#owner, params, rig.deadline(600_000)));
      messages.push(...page.messages);
      ({ hasMore } = page);
    }
    const members = group.state?.members;
    const inside = this.#userIds.filter((userId) => this.#of(userId).isIn);
    const stored = [...(members?.keys() ?? [])].sort().join();
    if (stored !== inside.toSorted().join()) throw new Error(`members ${stored}, expected ${inside.join()}`);
    const views = inside.map((userId) => {
      const { conversations, changes } = viewed(userId);
      const entry = conversations.find(({ conversationId }) => conversationId === this.#groupId);
      const fed = changes.flatMap((change) =>
        change.kind === 'message' && change.message.conversationId === this.#groupId ? [change.message] : [],
      );
      const joinSeq = members?.get(userId)?.joinSeq ?? 0;
      if (entry !== undefined && entry.name !== group.state?.info?.name) throw new Error('an old name');
      return { userId, joinSeq, entry, fed, isWhole: true };
    });
    this.#history.audit(messages, views);
    for (const { userId, label, heard } of devices.filter(({ userId }) => inside.includes(userId))) {
      for (const message of this.#shownBy(heard))
        this.#history.checkCopy(`${userId} at ${label}`, message, messages);
    }
    await this.#checkReceipts(rig, devices);
    for (const userId of this.#userIds.filter((userId) => !this.#of(userId).isIn)) {
      const { conversations, changes } = viewed(userId);
      if (conversations.some(({ type }) => type === 'group')) throw new Error(`${userId} lists what it left`);
      // Whoever never came has nothing to be told of, nor has who came and went while the mailbox could not be reached.
      const knows = rig.node.registry.mailbox(userId).state?.groups.get(this.#groupId);
      if (this.#of(userId).changes === 0 || knows?.event === 0) continue;
      const last = changes.findLast(({ kind }) => kind === 'conversation');
      if (last?.kind !== 'conversation' || last.left !== true) throw new Error(`${userId} was not told`);
    }
  }

  /** Those who were in all the time know of each other how far they have got. */
  async #checkReceipts(rig: MailboxRig, devices: readonly SimDevice[]): Promise<void> {
    const params = { conversationId: this.#groupId, limit: 100, offset: 0 };
    const group = rig.node.registry.group(this.#groupId);
    const { members } = await rig.time.drive(group.members(this.#owner, params, rig.deadline(600_000)));
    // Large groups tell no receipts.
    if (group.state?.large !== undefined) return;
    const isSettled = (userId: string): boolean => {
      const { isIn, changes } = this.#of(userId);
      return isIn && changes === 0;
    };
    for (const member of members.filter(({ userId }) => isSettled(userId))) {
      for (const { userId, label } of devices) {
        if (userId === member.userId || !isSettled(userId) || this.#hasBlocked(userId, member.userId))
          continue;
        this.#history.checkReceipt(label, member.userId, member);
      }
    }
  }

  /** Blocks end: somebody who has blocked the owner can be brought in later. */
  #isBlockedFor(userId: string, error: unknown): boolean {
    const isForbidden = error instanceof ProtocolError && error.kind === 'forbidden';
    return isForbidden && this.#userIds.some((other) => this.#blocks.has(`${other} ${userId}`));
  }

  /** Receipts between these may have stopped for a while. */
  #hasBlocked(one: string, other: string): boolean {
    return this.#blocks.has(`${one} ${other}`) || this.#blocks.has(`${other} ${one}`);
  }

  /** The messages of the group that a device shows, which knows nothing but what it was pushed. */
  #shownBy(heard: readonly Change[]): Iterable<Message> {
    const shown = new Map<number, Message>();
    for (const change of heard) {
      if (change.kind === 'conversation' && change.left === true) shown.clear();
      if (!('message' in change) || change.message.conversationId !== this.#groupId) continue;
      shown.set(change.message.seq, change.message);
    }
    return shown.values();
  }

  isIn(userId: string): boolean {
    return this.#of(userId).isIn;
  }

  #of(userId: string): Belonging {
    const belonging = this.#belonging.get(userId);
    if (belonging === undefined) throw new Error(`${userId} is nobody`);
    return belonging;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cluster.world.after(ms, resolve);
    });
  }
}
