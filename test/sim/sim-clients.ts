import type { GetMessagesParams } from '../../src/protocol/calls.ts';
import { dmIdOf, isGroupId } from '../../src/protocol/conversation-id.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import { isEarlier } from '../support/feed-listener.ts';
import { MailboxHistory } from '../support/mailbox-history.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimCluster } from './sim-cluster.ts';
import { SimGroups } from './sim-groups.ts';
import { isRetryable, SimDevice, type SendingStyle } from './sim-device.ts';

const names = ['ann', 'bob', 'cat', 'dan'];
const styles: readonly SendingStyle[] = ['pipelined', 'pipelined', 'chained', 'serial'];
const underWayMax = 60;
const blockedMaxMs = 800;
/** By then no call is under way on any node. */
const callsMaxMs = 3_000;

/** All devices of a run, what they do, and the history of what they asked and were told. */
export class SimClients {
  readonly history = new MailboxHistory();
  readonly userIds: readonly string[];
  readonly devices: SimDevice[] = [];
  readonly groups: SimGroups;
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #cursors = new Map<string, string[]>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #watches: boolean;
  #typed = 0;

  /** @param watches do devices watch who is there? */
  constructor(cluster: SimCluster, watches: boolean) {
    this.#cluster = cluster;
    this.#watches = watches;
    this.#random = cluster.random;
    this.userIds = names.slice(0, cluster.climate.users);
    this.groups = new SimGroups(cluster, this.userIds, this.history.blocks);
  }

  /** Makes the accounts and opens the devices. */
  async begin(): Promise<void> {
    const { random, up } = this.#cluster;
    const [node] = up.values();
    if (node === undefined) throw new Error('no node is up');
    const { time } = node.process;
    for (const userId of this.userIds) {
      const account = { name: userId.toUpperCase(), createdAt: 1, passwordHash: '', tokensValidFrom: 0 };
      await node.member.router.mailbox(userId).call('createAccount', account, time.monotonicMs() + 10_000);
      this.#cursors.set(userId, ['0']);
      const count = random.pick([1, 1, 2]);
      for (let number = 1; number <= count; number++) {
        const style = random.pick(styles);
        const deviceId = `d${number}`;
        this.devices.push(
          new SimDevice({
            ...{ cluster: this.#cluster, history: this.history, groups: this.groups },
            ...{ userId, deviceId, style },
            watched: this.#watches ? this.userIds.filter((other) => other !== userId) : [],
          }),
        );
      }
    }
    await this.groups.begin(node.member.router.mailbox(this.userIds[0] ?? ''), time.monotonicMs() + 10_000);
  }

  /** So many operations, one after the other or at once. Resolves when the last one has begun. */
  async work(operations: number): Promise<void> {
    const { climate } = this.#cluster;
    for (let count = 0; count < operations; count++) {
      const work = this.#act(this.#random.pick(this.devices)).finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
      // Some come in bursts.
      if (this.#random.chance(0.7)) await this.#pause(this.#random.below(3 * climate.operationEveryMs));
      while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay);
    }
  }

  /** Resolves when every operation has ended, every send among them with an acknowledgement. */
  async finish(): Promise<void> {
    const ended = Promise.all(this.#underWay);
    const over = ended.then(() => true);
    const isEnded = (): Promise<boolean> => Promise.race([over, this.#pause(0).then(() => false)]);
    // A block whose answer was lost may have come after the end of it.
    do {
      await this.#pause(callsMaxMs);
      await Promise.all(this.devices.map((device) => device.endBlocks()));
    } while (!(await isEnded()));
    await ended;
  }

  /** C11: whoever shares a conversation with somebody sees that they are there, and nobody else does. */
  checkPresence(): void {
    for (const { label, userId, seen } of this.devices) {
      if (seen === undefined) continue;
      for (const other of this.userIds.filter((one) => one !== userId)) {
        const isThere = this.devices.some((device) => device.userId === other && device.isThere);
        const expected = isThere && this.#isAcquainted(userId, other);
        if ((seen.get(other)?.online ?? false) === expected) continue;
        const said = JSON.stringify(seen.get(other));
        this.#cluster.log.violation(`C11: ${label} sees of ${other} ${said}, expected ${String(expected)}`);
      }
    }
  }

  #isAcquainted(one: string, other: string): boolean {
    if (this.groups.isIn(one) && this.groups.isIn(other)) return true;
    const both = [one, other];
    return this.devices.some(({ userId, sent }) => {
      return both.includes(userId) && sent.some(({ to }) => to !== userId && both.includes(to));
    });
  }

  async #act(device: SimDevice): Promise<void> {
    try {
      const kind = this.#random.below(62);
      if (kind < 18) await this.#send(device);
      else if (kind < 21) await this.#repeat(device);
      else if (kind < 26) await this.#mark(device);
      else if (kind < 32) await this.#readMessages(device);
      else if (kind < 36) await this.#readList(device);
      else if (kind < 39) await this.#readChanges(device);
      else if (kind < 44) await this.#change(device);
      else if (kind < 59) await this.groups.act(device);
      else if (kind < 61) await device.blockFor(this.#other(device.userId), this.#random.below(blockedMaxMs));
      else device.disconnect();
    } catch (error) {
      if (isRetryable(error)) return;
      const what = error instanceof Error ? error.message : String(error);
      const isKnown = error instanceof ProtocolError;
      this.#cluster.log.violation(isKnown ? `C4: ${device.label} got ${error.kind}: ${what}` : what);
    }
  }

  /** One message, or several in a row. */
  async #send(device: SimDevice): Promise<void> {
    const { userId, label } = device;
    const to = this.#random.pick(this.userIds.filter((other) => other !== userId));
    const deviceId = label.slice(userId.length + 1);
    const count = this.#random.pick(this.#cluster.climate.bursts);
    const sends = Array.from({ length: count }, () => {
      const number = ++this.#typed;
      const text = `${label} ${number} ${'x'.repeat(this.#random.below(100))}`;
      const messageId = `${this.#cluster.world.wallMs()}.${userId}.${deviceId}.${number}`;
      this.#cluster.log.trace(`${label} sends ${messageId} to ${to}`);
      return device.send({ conversationId: dmIdOf(userId, to), text, messageId }, to);
    });
    await Promise.all(sends);
  }

  async #repeat(device: SimDevice): Promise<void> {
    // Who sends one after the other has not begun to send what waits for its turn.
    const sent = device.sent.filter(({ seq }) => seq !== undefined || device.style !== 'serial');
    if (sent.length > 0) await device.insist(this.#random.pick(sent));
  }

  /** Edits or deletes an own message, or does what was done before once more. */
  async #change(device: SimDevice): Promise<void> {
    const own = device.sent.filter(({ seq }) => seq !== undefined);
    if (device.changes.length > 0 && this.#random.chance(0.3)) {
      await device.change(this.#random.pick(device.changes));
    } else if (own.length > 0) {
      const { to, params, seq = 0 } = this.#random.pick(own);
      const kind = this.#random.chance(0.7) ? 'edit' : 'delete';
      const number = ++this.#typed;
      const messageId = `${this.#cluster.world.wallMs()}.${device.userId}.${device.deviceId}.${number}`;
      const text = kind === 'edit' ? `${device.label} edit ${number}` : '';
      const { conversationId } = params;
      await device.change({
        to,
        attempt: this.history.changes.attempt({ kind, messageId, conversationId, seq, text }),
      });
    }
  }

  async #mark(device: SimDevice): Promise<void> {
    const { userId } = device;
    const conversationId = this.#conversationOf(userId);
    const must = this.history.mustSeeOf(userId, conversationId);
    const seqs = [...must];
    const seq = seqs.length > 0 ? this.#random.pick(seqs) + this.#random.pick([0, 0, 1, -1]) : 2;
    const params = { conversationId, seq: Math.max(1, seq) };
    try {
      if (this.#random.chance(0.4)) {
        const before = this.history.deliveredOf(userId, conversationId);
        const result = await device.ask((mailbox, deadline) =>
          mailbox.call('markDelivered', params, deadline),
        );
        this.history.markedDelivered(userId, params, must, before, result);
        return;
      }
      const before = this.history.markOf(userId, conversationId);
      const result = await device.ask((mailbox, deadline) => mailbox.call('markRead', params, deadline));
      this.history.marked(userId, params, must, before, result);
    } catch (error) {
      if (!isNotFound(error) || seqs.length > 0) throw error;
    }
  }

  async #readMessages(device: SimDevice): Promise<void> {
    const random = this.#random;
    const { userId } = device;
    const conversationId = this.#conversationOf(userId);
    const must = this.history.mustSeeOf(userId, conversationId);
    const changed = this.history.changes.known(userId);
    const seq = Math.max(1, random.below(Math.max(1, ...must) + 3));
    const where = random.pick([{}, {}, { before: seq }, { after: seq - 1 }, { offset: random.below(9) }]);
    const params: GetMessagesParams = { conversationId, limit: random.pick([2, 5, 50]), ...where };
    try {
      const page = await device.ask((mailbox, deadline) => mailbox.call('getMessages', params, deadline));
      this.history.sawPage(userId, params, must, page, changed);
    } catch (error) {
      if (!isNotFound(error) || must.size > 0) throw error;
    }
  }

  async #readList(device: SimDevice): Promise<void> {
    const { userId } = device;
    const { history } = this;
    const others = this.userIds.filter((other) => other !== userId).map((other) => dmIdOf(userId, other));
    const must = new Map(others.map((id) => [id, history.mustSeeOf(userId, id)]));
    const marks = new Map(others.map((id) => [id, history.markOf(userId, id)]));
    const params = { limit: 30, offset: 0 };
    const list = await device.ask((mailbox, deadline) => mailbox.call('getConversations', params, deadline));
    const listed = new Set(list.conversations.map(({ conversationId }) => conversationId));
    for (const [id, seqs] of must) {
      if (seqs.size > 0 && !listed.has(id)) throw new Error(`C7: ${id} is not in the list of ${userId}`);
    }
    history.sawList(
      userId,
      { ...list, conversations: list.conversations.filter(({ type }) => type === 'dm') },
      (id) => must.get(id) ?? new Set(),
      (id) => marks.get(id) ?? 0,
    );
  }

  async #readChanges(device: SimDevice): Promise<void> {
    const { userId } = device;
    const cursors = this.#cursors.get(userId) ?? ['0'];
    const since = this.#random.pick(cursors);
    const params = { since, limit: this.#random.pick([2, 50]) };
    const page = await device.ask((mailbox, deadline) => mailbox.call('getChanges', params, deadline));
    if ('reset' in page) throw new Error(`C8: ${device.label} was reset from ${since} to ${page.cursor}`);
    let position = since;
    for (const change of page.changes) {
      if (!isEarlier(position, change.cursor)) throw new Error(`C8: ${change.cursor} after ${position}`);
      position = change.cursor;
      if (!('message' in change)) continue;
      if (isGroupId(change.message.conversationId)) this.groups.heard(userId, change);
      else this.history.saw(userId, change.message);
    }
    cursors.push(page.cursor);
  }

  #other(userId: string): string {
    return this.#random.pick(this.userIds.filter((other) => other !== userId));
  }

  #conversationOf(userId: string): string {
    return dmIdOf(userId, this.#other(userId));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cluster.world.after(ms, resolve);
    });
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ProtocolError && error.kind === 'not_found';
}
