import type { Presence, SendMessageParams, SendMessageResult } from '../../src/protocol/calls.ts';
import { isGroupId } from '../../src/protocol/conversation-id.ts';
import type { Change } from '../../src/protocol/message.ts';
import { ProtocolError, type ErrorKind } from '../../src/protocol/protocol-error.ts';
import type { UserPort } from '../../src/router/mailbox-port.ts';
import { isEarlier } from '../support/feed-listener.ts';
import type { AttemptedChange } from '../support/message-changes.ts';
import type { Attempted, MailboxHistory } from '../support/mailbox-history.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';
import { LinkError, SimLink } from './sim-link.ts';

/**
 * How a device goes about several messages in a row:
 * - `pipelined`: sends each at once, on the connection there is; their order is that of the connection.
 * - `chained`: the same, and each names the one before it, so that the order holds over any retry.
 * - `serial`: waits for the answer before it sends the next.
 */
export type SendingStyle = 'pipelined' | 'chained' | 'serial';

interface Send {
  readonly params: SendMessageParams;
  readonly to: string;
  readonly attempt: Attempted;
  seq: number | undefined;
}

interface Changing {
  readonly to: string;
  readonly attempt: AttemptedChange;
}

export interface DeviceParts {
  readonly cluster: SimCluster;
  readonly history: MailboxHistory;
  /** Told of what comes of groups. */
  readonly groups: {
    heard(userId: string, change: Change): void;
    told(label: string, change: Extract<Change, { kind: 'receipt' }>): void;
  };
  readonly userId: string;
  readonly deviceId: string;
  readonly style: SendingStyle;
  /** Whose comings and goings it watches. */
  readonly watched: readonly string[];
}

const retryable: readonly ErrorKind[] = ['unavailable', 'overloaded'];

/** One device: keeps a connection to some node, follows the feed from its cursor, retries what it sends for ever. */
export class SimDevice {
  readonly userId: string;
  readonly label: string;
  /** All that was pushed, over all connections. */
  readonly heard: Change[] = [];
  readonly sent: Send[] = [];
  /** What it has edited or deleted. */
  readonly changes: Changing[] = [];
  readonly style: SendingStyle;
  readonly #parts: DeviceParts;
  readonly #blocked = new Set<string>();
  #link: SimLink | undefined;
  #position = '0';
  #resumed: (() => void)[] = [];
  #issued = 0;
  #serial: Promise<void> = Promise.resolve();

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.userId = parts.userId;
    this.label = `${parts.userId}/${parts.deviceId}`;
    this.style = parts.style;
    this.#connect();
  }

  get position(): string {
    return this.#position;
  }

  /** Hangs up; it comes back by itself. */
  disconnect(): void {
    this.#link?.close();
  }

  /** One try over the connection there is; see SimLink. Rejects with ProtocolError or LinkError. */
  async ask<T>(call: (mailbox: UserPort, deadline: number) => Promise<T>, over?: () => void): Promise<T> {
    return (await this.connected()).call(call, over);
  }

  /** Sends one more message, for as long as it takes (G4). */
  async send(params: SendMessageParams, to: string): Promise<void> {
    const { history } = this.#parts;
    const previous = this.sent.findLast((other) => other.to === to)?.params.messageId;
    const chained =
      this.style === 'chained' && previous !== undefined ? { ...params, after: previous } : params;
    const attempt = history.attempt(this.userId, to, chained);
    const send: Send = { params: chained, to, attempt, seq: undefined };
    this.sent.push(send);
    if (this.style !== 'serial') return this.insist(send);
    const before = this.#serial;
    this.#serial = before.then(() => this.insist(send));
    return this.#serial;
  }

  /** Sends it again and again until it is acknowledged. */
  async insist(send: Send): Promise<void> {
    const { cluster } = this.#parts;
    const { messageId } = send.params;
    for (let tries = 1; ; tries++) {
      const link = this.#link?.isOpen === true ? this.#link : await this.connected();
      const issued = this.nextIssue();
      try {
        const result = await link.call((mailbox, deadline) =>
          mailbox.call('sendMessage', send.params, deadline),
        );
        this.#acknowledged(send, result, link, tries === 1 ? issued : undefined);
        return;
      } catch (error) {
        this.#mayRetry(error, messageId, send.to);
        // "Send that one first": if each of some hundreds came a pause after the one before it, that would take a minute.
        if (isEarly(error) && tries > 1) {
          await this.#acknowledgement(send.params.after);
          continue;
        }
      }
      await this.#pause(20 + cluster.random.below(Math.min(400, 20 * 2 ** tries)));
    }
  }

  async #acknowledgement(messageId: string | undefined): Promise<void> {
    const send = this.sent.find(({ params }) => params.messageId === messageId);
    while (send !== undefined && send.seq === undefined) await this.#pause(10);
  }

  get deviceId(): string {
    return this.#parts.deviceId;
  }

  /** Blocks somebody for a while. */
  async blockFor(userId: string, ms: number): Promise<void> {
    this.#parts.history.blocks.add(`${this.userId} ${userId}`);
    this.#blocked.add(userId);
    await this.#insistOn('blockUser', userId);
    await this.#pause(ms);
    await this.#insistOn('unblockUser', userId);
  }

  async endBlocks(): Promise<void> {
    for (const userId of this.#blocked) await this.#insistOn('unblockUser', userId);
  }

  async #insistOn(name: 'blockUser' | 'unblockUser', userId: string): Promise<void> {
    const { log } = this.#parts.cluster;
    for (;;) {
      log.trace(`${this.label}: ${name} ${userId}`);
      try {
        await this.ask((mailbox, deadline) => mailbox.call(name, { userId }, deadline));
        log.trace(`${this.label}: ${name} ${userId} is done`);
        return;
      } catch (error) {
        log.trace(`${this.label}: ${name} ${userId} has to be done again: ${String(error)}`);
        if (!isRetryable(error)) throw error;
      }
      await this.#pause(50 + this.#parts.cluster.random.below(200));
    }
  }

  /** Edits or deletes, again and again until that is acknowledged, or the message is gone. */
  async change(changing: Changing): Promise<void> {
    const { cluster, history } = this.#parts;
    const { attempt, to } = changing;
    const { conversationId, seq, messageId, text, kind } = attempt;
    if (!this.changes.includes(changing)) this.changes.push(changing);
    for (let tries = 1; ; tries++) {
      cluster.log.trace(`${this.label} ${kind}s ${seq} of ${conversationId}: ${messageId}`);
      try {
        const params = { conversationId, seq, messageId };
        const at = await this.ask(async (mailbox, deadline) =>
          kind === 'edit'
            ? (await mailbox.call('editMessage', { ...params, text }, deadline)).editedAt
            : (await mailbox.call('deleteMessage', params, deadline)).deletedAt,
        );
        this.#checked(() => history.changes.acknowledged(attempt, to, at));
        return;
      } catch (error) {
        const isGone = error instanceof ProtocolError && error.kind === 'not_found' && kind === 'edit';
        if (isGone && history.changes.mayBeDeleted(conversationId, seq)) return;
        this.#mayRetry(error, messageId, to);
      }
      await this.#pause(20 + cluster.random.below(Math.min(400, 20 * 2 ** tries)));
    }
  }

  #acknowledged(send: Send, result: SendMessageResult, link: SimLink, issued: number | undefined): void {
    const { cluster, history } = this.#parts;
    const { conversationId, messageId, text } = send.params;
    const { seq, duplicate } = result;
    cluster.log.trace(`${this.label} ${messageId} is acknowledged as ${seq}${duplicate ? ' again' : ''}`);
    this.#checked(() => {
      history.acknowledged(send.attempt, text, result);
    });
    send.seq = seq;
    if (issued === undefined || duplicate) return;
    this.noteOrder(link, { lane: conversationId, issued, seq });
  }

  /** Numbers what is sent in the order in which that is done. */
  nextIssue(): number {
    return ++this.#issued;
  }

  /** C3: what was taken at its first try on a connection has the order of that connection. */
  noteOrder(link: SimLink, taken: SimLink['taken'][number]): void {
    const { lane, issued, seq } = taken;
    for (const other of link.taken) {
      if (other.lane === lane && other.issued < issued !== other.seq < seq) {
        this.#parts.cluster.log.violation(
          `C3: ${this.label} sent ${other.seq} and ${seq} in the other order`,
        );
      }
    }
    link.taken.push(taken);
  }

  #mayRetry(error: unknown, messageId: string, to: string): void {
    const { log } = this.#parts.cluster;
    log.trace(`${this.label} has to send ${messageId} again: ${String(error)}`);
    if (isRetryable(error)) return;
    const isForbidden = error instanceof ProtocolError && error.kind === 'forbidden';
    if (isForbidden && this.#parts.history.blocks.has(`${to} ${this.userId}`)) return;
    if (isEarly(error) && this.style === 'chained') return;
    log.violation(`C4: ${messageId} cannot be sent: ${String(error)}`);
    throw error;
  }

  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#parts.cluster.log.violation(error instanceof Error ? error.message : String(error));
    }
  }

  #connect(): void {
    const node = this.#someNode();
    if (node === undefined) {
      void this.#pause(50).then(() => {
        this.#connect();
      });
      return;
    }
    const { cluster } = this.#parts;
    const link = new SimLink(cluster, node, this.userId, {
      changes: (changes) => {
        for (const change of changes) this.#hear(change);
      },
      reset: (cursor) => {
        cluster.log.violation(`C8: ${this.label} at ${this.#position} was reset to ${cursor}`);
        this.#position = cursor;
      },
      closed: () => {
        if (this.#link === link) this.#link = undefined;
        void this.#pause(5 + cluster.random.below(100)).then(() => {
          this.#connect();
        });
      },
    });
    this.#link = link;
    cluster.log.trace(`${this.label} connects to ${node.label} at ${this.#position}`);
    this.#begin(link).catch((error: unknown) => {
      if (!isRetryable(error)) cluster.log.violation(`C8: ${this.label}: no feed: ${String(error)}`);
      link.close();
    });
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const resume of resumed) resume();
  }

  async #begin(link: SimLink): Promise<void> {
    const { watched } = this.#parts;
    await link.follow(this.#position);
    if (watched.length > 0) await link.watch(watched);
  }

  /** Is it connected? */
  get isThere(): boolean {
    return this.#link?.isOpen === true;
  }

  /** Whom it sees there; undefined: it watches nobody. */
  get seen(): ReadonlyMap<string, Presence> | undefined {
    return this.#parts.watched.length > 0 ? this.#link?.seen : undefined;
  }

  /** The owner as often as not; else any that is up. */
  #someNode(): SimNode | undefined {
    const { cluster } = this.#parts;
    const nodes = [...cluster.up.values()].filter(({ member }) => member.view !== undefined);
    if (nodes.length === 0) return undefined;
    const any = cluster.random.pick(nodes);
    if (cluster.random.chance(0.5)) return any;
    const owner = any.member.router.elsewhere(this.userId);
    return nodes.find(({ nodeId }) => nodeId === owner?.nodeId) ?? any;
  }

  /** The connection there is, or the next one. */
  async connected(): Promise<SimLink> {
    while (this.#link === undefined) {
      await new Promise<void>((resolve) => {
        this.#resumed.push(resolve);
      });
    }
    return this.#link;
  }

  #hear(change: Change): void {
    const { cluster, groups, history } = this.#parts;
    if (!isEarlier(this.#position, change.cursor)) {
      cluster.log.violation(`C8: ${this.label} got ${change.cursor} after ${this.#position}`);
      return;
    }
    this.#position = change.cursor;
    this.heard.push(change);
    if (change.kind === 'receipt' && isGroupId(change.conversationId)) {
      this.#checked(() => groups.told(this.label, change));
    }
    if (!('message' in change)) return;
    cluster.log.trace(`${this.label} hears ${change.message.messageId} at ${change.cursor}`);
    this.#checked(() => {
      if (isGroupId(change.message.conversationId)) groups.heard(this.userId, change);
      else history.saw(this.userId, change.message);
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.cluster.world.after(ms, resolve);
    });
  }
}

function isEarly(error: unknown): boolean {
  return error instanceof ProtocolError && error.kind === 'out_of_order';
}

/** The same call may be made again, by what the protocol promises. */
export function isRetryable(error: unknown): boolean {
  return error instanceof LinkError || (error instanceof ProtocolError && retryable.includes(error.kind));
}
