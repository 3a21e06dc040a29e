import { noteConfirmed } from '../mailbox/apply-draft.ts';
import type { CopyReply, Envelope, MissingReply } from '../mailbox/envelope.ts';
import type { ConversationState, MailboxState } from '../mailbox/mailbox-state.ts';
import { marksOf } from '../mailbox/query-missing.ts';
import { owedBy, reaches, standingOf, type Standing } from '../mailbox/standing.ts';
import { jitteredMs } from '../std/backoff.ts';
import type { Cancel } from '../std/time.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Actor } from './actor.ts';
import { GroupMarksDriver } from './group-marks-driver.ts';
import type { MailboxTypes } from './mailbox-entity.ts';
import type { MailboxHost } from './mailbox-host.ts';

type CopyEnvelope = Extract<Envelope, { kind: 'copy' }>;

/** Messages in one repair. */
const repairMessagesMax = 200;
/** Conversations that are settled at once. */
const settleMax = 8;
/** Peers that are told of marks at once. */
const tellMax = 64;

function isOwing({ head, outbox }: ConversationState): boolean {
  return !reaches(outbox.confirmed, owedBy(head));
}

interface Retry {
  readonly tries: number;
  readonly notBefore: number;
}

/**
 * Sees to it that both copies of a message come to be (G5), and that the peer knows of marks. As sender: puts own
 * copies into the next commit, fetches what is missing, confirms. As recipient: tells of marks, asks peers that have
 * not confirmed, sends them what they lack, for as long as the outbox cell is there, and clears it when nothing is
 * owed.
 */
export class OutboxDriver {
  readonly #userId: string;
  readonly #actor: Actor<MailboxTypes>;
  readonly #host: MailboxHost;
  readonly #groups: GroupMarksDriver;
  readonly #confirmDue = new Map<string, string>();
  /** Conversations being fetched, and how often that was asked for. */
  readonly #fetching = new Map<string, number>();
  readonly #retries = new Map<string, Retry>();
  #settleTimer: Cancel | undefined;
  #isConfirmScheduled = false;
  #isTellScheduled = false;
  #isClearing = false;
  /** Was something owed when the row was last in memory? */
  #isOpen = false;
  /** Commits that failed since the last one that did not: what the row has, and owes, is not known, or will be another. */
  #losses = 0;
  #isClaiming = false;
  #underWay = 0;

  constructor(userId: string, actor: Actor<MailboxTypes>, host: MailboxHost) {
    this.#userId = userId;
    this.#actor = actor;
    this.#host = host;
    this.#groups = new GroupMarksDriver(userId, actor, host);
  }

  get isIdle(): boolean {
    const isSettled = !this.#isOpen && this.#losses === 0 && this.#groups.isIdle;
    return isSettled && this.#underWay === 0 && this.#confirmDue.size === 0;
  }

  /**
   * A commit failed. It may have been applied, or may be yet, so that something is owed and devices have something to hear
   * of: after a pause the row is committed as it is, also if nobody asks for it. That finds what was applied, and what
   * is still on its way comes too late.
   */
  lost(): void {
    this.#losses++;
    this.#scheduleSettle(this.#pauseMs(this.#losses));
  }

  /** After a load or a commit: is something owed now? Of marks the peer is told at once, of all else it knows. */
  changed(state: MailboxState, isCommitted: boolean): void {
    if (isCommitted) this.#losses = 0;
    this.#isOpen = state.outboxOpen.size > 0;
    if (this.#isOpen) this.#scheduleSettle(this.#host.outboxTiming.settleAfterMs);
    if (state.untold.size > 0) this.#scheduleTell();
    this.#groups.changed(state);
  }

  /** Stops what it does on its own; the next load or commit begins anew. */
  leave(): void {
    this.#losses = 0;
    this.#isOpen = false;
    this.#groups.leave();
    this.#retries.clear();
    this.#confirmDue.clear();
    this.#settleTimer?.();
    this.#settleTimer = undefined;
  }

  clearSoon(): void {
    this.#groups.clearSoon();
    this.#isClearing = true;
    // Where commits fail, hurry would only load the store that has trouble.
    if (this.#losses > 0) return;
    this.#settleTimer?.();
    this.#settleTimer = undefined;
    this.#scheduleSettle(0);
  }

  /** The sender's copy of what its recipient has accepted; room for it was reserved. */
  copy(envelope: CopyEnvelope): void {
    this.#background(async () => {
      const reply = (await this.#actor.submit(envelope, this.#deadline(), true)) as CopyReply;
      if (reply.kind === 'gap') this.fetchMissing(envelope.conversationId, envelope.from);
      else this.#dueConfirm(envelope.conversationId, envelope.from);
    });
  }

  /** Asks the recipient for own messages that are not in this row. */
  fetchMissing(conversationId: string, peer: string): void {
    const asked = this.#fetching.get(conversationId);
    this.#fetching.set(conversationId, (asked ?? 0) + 1);
    if (asked !== undefined) return;
    this.#background(async () => {
      try {
        let served: number | undefined;
        while (served !== this.#fetching.get(conversationId)) {
          served = this.#fetching.get(conversationId);
          await this.fetch(conversationId, peer, this.#deadline());
        }
        this.#dueConfirm(conversationId, peer);
      } finally {
        this.#fetching.delete(conversationId);
      }
    });
  }

  /** The same for somebody who waits for it. Rejects with ProtocolError. */
  async fetch(conversationId: string, peer: string, deadline: number): Promise<void> {
    while (await this.#fetchPage(conversationId, peer, deadline));
  }

  /** true: there may be more. */
  async #fetchPage(conversationId: string, peer: string, deadline: number): Promise<boolean> {
    const sending = await this.#actor.query({ kind: 'sending', conversationId }, deadline);
    if (!('kind' in sending) || sending.kind !== 'sending') return false;
    const reply = (await this.#host.envelopes.request(
      peer,
      {
        kind: 'missing',
        conversationId,
        from: this.#userId,
        above: sending.confirmed.seq,
        aboveOp: sending.confirmed.op,
        limit: repairMessagesMax,
      },
      deadline,
    )) as MissingReply;
    const { name, owed } = reply;
    const count = Math.max(owed.messages.length, owed.operations.length);
    if (count === 0) return false;
    await this.#actor.submit({ kind: 'copy', conversationId, from: peer, fromName: name, owed }, deadline);
    return count === repairMessagesMax;
  }

  #dueConfirm(conversationId: string, peer: string): void {
    this.#confirmDue.set(conversationId, peer);
    if (this.#isConfirmScheduled) return;
    this.#isConfirmScheduled = true;
    this.#host.time.after(this.#host.outboxTiming.confirmAfterMs, () => {
      this.#isConfirmScheduled = false;
      this.#confirm();
    });
  }

  #confirm(): void {
    for (const [conversationId, peer] of this.#confirmDue) {
      this.#confirmDue.delete(conversationId);
      const head = this.#actor.state?.conversations.get(conversationId)?.head;
      if (head === undefined) continue;
      const confirmed = standingOf(head);
      this.#background(async () => {
        const confirm: Envelope = { kind: 'confirm', conversationId, from: this.#userId, confirmed };
        await this.#host.envelopes.request(peer, confirm, this.#deadline());
      });
    }
  }

  #scheduleSettle(delayMs: number): void {
    if (this.#settleTimer !== undefined) return;
    this.#settleTimer = this.#host.time.after(jitteredMs(delayMs, this.#host.random), () => {
      this.#settleTimer = undefined;
      this.#settleAll();
    });
  }

  #settleAll(): void {
    const { state } = this.#actor;
    // Also where no commit has failed: a read may have found the row changed, and could not load it again.
    if (this.#losses > 0 || (state === undefined && this.#isOpen)) this.#claim();
    if (state === undefined || state.outboxOpen.size === 0) return;
    const { settleAfterMs, clearAfterMs } = this.#host.outboxTiming;
    const now = this.#host.time.monotonicMs();
    const wallMs = this.#host.time.wallMs();
    let settling = 0;
    let isClearable = false;
    for (const conversation of state.outboxOpen) {
      // A clock that was set back must not make it wait for the old time to come again.
      const quietMs = Math.abs(wallMs - conversation.head.updatedAt);
      if (!isOwing(conversation)) {
        this.#retries.delete(conversation.conversationId);
        isClearable ||= this.#isClearing || quietMs >= clearAfterMs;
        continue;
      }
      const notBefore = this.#retries.get(conversation.conversationId)?.notBefore ?? 0;
      if (quietMs < settleAfterMs || notBefore > now || settling >= settleMax) continue;
      settling++;
      this.#settle(conversation);
    }
    this.#isClearing = false;
    if (isClearable) {
      this.#background(async () => {
        await this.#actor.submit({ kind: 'clearOutbox' }, this.#deadline());
      });
    }
    this.#scheduleSettle(settleAfterMs);
  }

  #claim(): void {
    if (this.#isClaiming) return;
    this.#isClaiming = true;
    this.#background(async () => {
      try {
        await this.#actor.submit({ kind: 'claim' }, this.#deadline());
        this.#losses = 0;
      } catch (error) {
        this.#scheduleSettle(this.#pauseMs(this.#losses));
        throw error;
      } finally {
        this.#isClaiming = false;
      }
    });
  }

  #settle(conversation: ConversationState): void {
    const { conversationId } = conversation;
    const tries = (this.#retries.get(conversationId)?.tries ?? 0) + 1;
    const notBefore = this.#host.time.monotonicMs() + jitteredMs(this.#pauseMs(tries), this.#host.random);
    this.#retries.set(conversationId, { tries, notBefore });
    this.#background(async () => {
      // Where does the peer stand? Often it has everything and only its confirmation was lost.
      let confirmed = await this.#offer(conversation, conversation.outbox.confirmed, 0);
      while (!reaches(confirmed, owedBy(conversation.head))) {
        const before = confirmed;
        confirmed = await this.#offer(conversation, before, repairMessagesMax);
        if (reaches(before, confirmed)) break;
      }
      if (reaches(confirmed, owedBy(conversation.head))) this.#retries.delete(conversationId);
    });
  }

  #scheduleTell(): void {
    if (this.#isTellScheduled) return;
    this.#isTellScheduled = true;
    this.#host.time.after(this.#host.outboxTiming.tellAfterMs, () => {
      this.#isTellScheduled = false;
      this.#tell();
    });
  }

  /** Marks that have moved, or another name; what doesn't get there is owed still, and settled with all else. */
  #tell(): void {
    const untold = this.#actor.state?.untold ?? new Set<ConversationState>();
    let telling = 0;
    for (const conversation of untold) {
      if (telling++ === tellMax) return this.#scheduleTell();
      untold.delete(conversation);
      this.#background(async () => {
        await this.#offer(conversation, conversation.outbox.confirmed, 0);
      });
    }
  }

  /** Tells the peer of marks, and sends up to `limit` copies, and changes, above a place. @returns how far it has everything */
  async #offer(conversation: ConversationState, from: Standing, limit: number): Promise<Standing> {
    const { conversationId, head } = conversation;
    const { seq: above, op: aboveOp } = from;
    const deadline = this.#deadline();
    let page: Pick<MissingReply, 'name' | 'owed'> = {
      name: this.#actor.state?.profile?.name ?? '',
      owed: {
        ...{ previousSeq: above, messages: [], previousOp: aboveOp, operations: [] },
        marks: marksOf(head),
      },
    };
    if (limit > 0) {
      const query = { kind: 'missing', conversationId, from: head.peer, above, aboveOp, limit } as const;
      const answer = await this.#actor.query(query, deadline);
      if ('kind' in answer && answer.kind === 'missing') page = answer;
    }
    const { name: fromName, owed } = page;
    const envelope: CopyEnvelope = { kind: 'copy', conversationId, from: this.#userId, fromName, owed };
    const { confirmed } = (await this.#host.envelopes.request(head.peer, envelope, deadline)) as CopyReply;
    // The state may have been loaded anew meanwhile; what the peer confirmed stays true.
    const current = this.#actor.state?.conversations.get(conversationId) ?? conversation;
    noteConfirmed(current.outbox, confirmed);
    return confirmed;
  }

  #pauseMs(tries: number): number {
    const { settleAfterMs, retryMaxMs } = this.#host.outboxTiming;
    return Math.min(retryMaxMs, settleAfterMs * 2 ** Math.min(tries, 16));
  }

  #deadline(): number {
    return this.#host.time.monotonicMs() + this.#host.sendingLimits.backgroundDeadlineMs;
  }

  /** Work that nobody waits for. What fails here is owed still, and tried again by the recipient's side. */
  #background(work: () => Promise<void>): void {
    this.#underWay++;
    work()
      .catch((error: unknown) => {
        if (!(error instanceof ProtocolError) || error.kind === 'internal') {
          this.#host.alarm(error, `outbox of ${this.#userId}`);
        }
      })
      .finally(() => {
        this.#underWay--;
      });
  }
}
