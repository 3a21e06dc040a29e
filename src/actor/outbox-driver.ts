import { noteConfirmed } from '../mailbox/apply-draft.ts';
import type { CopyReply, Envelope, MissingReply } from '../mailbox/envelope.ts';
import type { ConversationState, MailboxState } from '../mailbox/mailbox-state.ts';
import type { Cancel } from '../std/time.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Actor } from './actor.ts';
import type { MailboxTypes } from './mailbox-entity.ts';
import type { MailboxHost } from './mailbox-host.ts';

type CopyEnvelope = Extract<Envelope, { kind: 'copy' }>;

/** Messages in one repair. */
const repairMessagesMax = 200;
/** Conversations that are settled at once. */
const settleMax = 8;

interface Retry {
  readonly tries: number;
  readonly notBefore: number;
}

/**
 * Sees to it that both copies of a message come to be (G5). As sender: puts own copies into the next commit,
 * fetches what is missing, confirms. As recipient: asks senders that have not confirmed, sends them what they
 * lack, for as long as the outbox cell is there, and clears the cell when nothing is owed.
 */
export class OutboxDriver {
  readonly #userId: string;
  readonly #actor: Actor<MailboxTypes>;
  readonly #host: MailboxHost;
  readonly #confirmDue = new Map<string, string>();
  /** Conversations being fetched, and how often that was asked for. */
  readonly #fetching = new Map<string, number>();
  readonly #retries = new Map<string, Retry>();
  #settleTimer: Cancel | undefined;
  #isConfirmScheduled = false;
  #isClearing = false;
  /** Commits that failed since the last load: what the row has, and owes, is not known. */
  #losses = 0;
  #underWay = 0;

  constructor(userId: string, actor: Actor<MailboxTypes>, host: MailboxHost) {
    this.#userId = userId;
    this.#actor = actor;
    this.#host = host;
  }

  get isIdle(): boolean {
    const open = this.#actor.state?.outboxOpen.size ?? 0;
    return open === 0 && this.#losses === 0 && this.#underWay === 0 && this.#confirmDue.size === 0;
  }

  /**
   * A commit failed. It may have been applied, so that something is owed and devices have something to hear of:
   * the row is loaded again after a pause, also if nobody asks for it.
   */
  lost(): void {
    this.#losses++;
    this.#scheduleSettle(this.#pauseMs(this.#losses));
  }

  /** After a load or a commit: is something owed now? */
  changed(state: MailboxState): void {
    this.#losses = 0;
    if (state.outboxOpen.size > 0) this.#scheduleSettle(this.#host.outboxTiming.settleAfterMs);
  }

  /** Stops what it does on its own; the next load or commit begins anew. */
  leave(): void {
    this.#losses = 0;
    this.#retries.clear();
    this.#confirmDue.clear();
    this.#settleTimer?.();
    this.#settleTimer = undefined;
  }

  clearSoon(): void {
    this.#isClearing = true;
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
          while (await this.#fetchPage(conversationId, peer));
        }
        this.#dueConfirm(conversationId, peer);
      } finally {
        this.#fetching.delete(conversationId);
      }
    });
  }

  /** true: there may be more. */
  async #fetchPage(conversationId: string, peer: string): Promise<boolean> {
    const deadline = this.#deadline();
    const sending = await this.#actor.query({ kind: 'sending', conversationId }, deadline);
    if (!('kind' in sending) || sending.kind !== 'sending') return false;
    const reply = (await this.#host.envelopes.request(
      peer,
      {
        kind: 'missing',
        conversationId,
        from: this.#userId,
        above: sending.confirmed,
        limit: repairMessagesMax,
      },
      deadline,
    )) as MissingReply;
    const { name, previousSeq, messages } = reply;
    if (messages.length === 0) return false;
    const copy: CopyEnvelope = {
      kind: 'copy',
      conversationId,
      from: peer,
      fromName: name,
      previousSeq,
      messages,
    };
    await this.#actor.submit(copy, deadline);
    return messages.length === repairMessagesMax;
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
      const confirmed = this.#actor.state?.conversations.get(conversationId)?.head.ownSeq;
      if (confirmed === undefined) continue;
      this.#background(async () => {
        const confirm: Envelope = { kind: 'confirm', conversationId, from: this.#userId, confirmed };
        await this.#host.envelopes.request(peer, confirm, this.#deadline());
      });
    }
  }

  #scheduleSettle(delayMs: number): void {
    if (this.#settleTimer !== undefined) return;
    const jittered = delayMs * (0.75 + this.#host.random() / 2);
    this.#settleTimer = this.#host.time.after(jittered, () => {
      this.#settleTimer = undefined;
      this.#settleAll();
    });
  }

  #settleAll(): void {
    const { state } = this.#actor;
    if (state === undefined && this.#losses > 0) {
      this.#background(async () => {
        try {
          await this.#actor.query({ kind: 'call', name: 'account', params: null }, this.#deadline());
        } catch (error) {
          this.lost();
          throw error;
        }
      });
    }
    if (state === undefined || state.outboxOpen.size === 0) return;
    const { settleAfterMs, clearAfterMs } = this.#host.outboxTiming;
    const now = this.#host.time.monotonicMs();
    const wallMs = this.#host.time.wallMs();
    let settling = 0;
    let isClearable = false;
    for (const conversation of state.outboxOpen) {
      // A clock that was set back must not make it wait for the old time to come again.
      const quietMs = Math.abs(wallMs - conversation.head.updatedAt);
      if (conversation.outbox.confirmed >= conversation.head.peerSeq) {
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

  #settle(conversation: ConversationState): void {
    const { conversationId } = conversation;
    const tries = (this.#retries.get(conversationId)?.tries ?? 0) + 1;
    const jitter = 0.75 + this.#host.random() / 2;
    const notBefore = this.#host.time.monotonicMs() + this.#pauseMs(tries) * jitter;
    this.#retries.set(conversationId, { tries, notBefore });
    this.#background(async () => {
      // Where does the sender stand? Often it has everything and only its confirmation was lost.
      let reply = await this.#offer(conversation, { above: conversation.outbox.confirmed, limit: 0 });
      while (reply.copiedThrough < conversation.head.peerSeq) {
        const before = reply.copiedThrough;
        reply = await this.#offer(conversation, { above: before, limit: repairMessagesMax });
        if (reply.copiedThrough <= before) break;
      }
      // The state may have been loaded anew meanwhile; what the sender confirmed stays true.
      const current = this.#actor.state?.conversations.get(conversationId) ?? conversation;
      noteConfirmed(current.outbox, reply.copiedThrough);
      if (reply.copiedThrough >= current.head.peerSeq) this.#retries.delete(conversationId);
    });
  }

  async #offer(conversation: ConversationState, owed: { above: number; limit: number }): Promise<CopyReply> {
    const { conversationId, head } = conversation;
    const deadline = this.#deadline();
    let page: Pick<MissingReply, 'name' | 'messages'> = { name: '', messages: [] };
    if (owed.limit > 0) {
      const query = { kind: 'missing', conversationId, from: head.peer, ...owed } as const;
      const answer = await this.#actor.query(query, deadline);
      if ('kind' in answer && answer.kind === 'missing') page = answer;
    }
    const envelope: CopyEnvelope = {
      kind: 'copy',
      conversationId,
      from: this.#userId,
      fromName: page.name,
      previousSeq: owed.above,
      messages: page.messages,
    };
    return (await this.#host.envelopes.request(head.peer, envelope, deadline)) as CopyReply;
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
