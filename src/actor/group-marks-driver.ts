import { noteConfirmedMarks } from '../mailbox/group-marks.ts';
import type { MailboxState } from '../mailbox/mailbox-state.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { jitteredMs } from '../std/backoff.ts';
import type { Cancel } from '../std/time.ts';
import type { Actor } from './actor.ts';
import type { MailboxTypes } from './mailbox-entity.ts';
import type { MailboxHost } from './mailbox-host.ts';

/** Groups that are told at once. */
const tellMax = 16;

/**
 * Tells groups of this user's marks in them, a while after those have moved, so that the next ones go along; goes by the
 * outbox cells, which it clears when nothing is owed (G5).
 */
export class GroupMarksDriver {
  readonly #userId: string;
  readonly #actor: Actor<MailboxTypes>;
  readonly #host: MailboxHost;
  #timer: Cancel | undefined;
  #dueMs = 0;
  #isWorking = false;
  /** Was there a cell when the row was last in memory? */
  #isOpen = false;
  #failures = 0;

  constructor(userId: string, actor: Actor<MailboxTypes>, host: MailboxHost) {
    this.#userId = userId;
    this.#actor = actor;
    this.#host = host;
  }

  get isIdle(): boolean {
    return !this.#isOpen && !this.#isWorking;
  }

  /** After a load or a commit. */
  changed(state: MailboxState): void {
    this.#isOpen = state.owedMarks.size > 0;
    if (this.#isOpen) this.#schedule(this.#pauseMs());
  }

  /** Stops what it does on its own; the next load or commit begins anew. */
  leave(): void {
    this.#isOpen = false;
    this.#timer?.();
    this.#timer = undefined;
  }

  clearSoon(): void {
    if (this.#isOpen) this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    const { time, random } = this.#host;
    const waitMs = jitteredMs(delayMs, random);
    const dueMs = time.monotonicMs() + waitMs;
    if (this.#isWorking || (this.#timer !== undefined && this.#dueMs <= dueMs)) return;
    this.#timer?.();
    this.#dueMs = dueMs;
    this.#timer = time.after(waitMs, () => {
      this.#timer = undefined;
      this.#isWorking = true;
      void this.#work().finally(() => {
        this.#isWorking = false;
        if (this.#isOpen) this.#schedule(this.#pauseMs());
      });
    });
  }

  async #work(): Promise<void> {
    const { time, sendingLimits } = this.#host;
    const deadline = time.monotonicMs() + sendingLimits.backgroundDeadlineMs;
    const { state } = this.#actor;
    try {
      if (state === undefined) {
        // Where a read has found the row changed, and could not load it again.
        await this.#actor.query({ kind: 'call', name: 'account', params: null }, deadline);
      } else if (state.untoldGroups.size > 0) {
        const untold = [...state.untoldGroups].slice(0, tellMax);
        await Promise.all(untold.map((groupId) => this.#tell(state, groupId, deadline)));
      } else {
        await this.#actor.submit({ kind: 'clearOutbox' }, deadline);
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      if (error instanceof ProtocolError && error.kind !== 'internal') return;
      this.#host.alarm(error, `marks of ${this.#userId}`);
    }
  }

  async #tell(state: MailboxState, groupId: string, deadline: number): Promise<void> {
    const entry = state.groups.get(groupId);
    state.untoldGroups.delete(groupId);
    if (entry?.isIn !== true) return;
    const { deliveredSeq, readSeq, enrolmentEvent } = entry;
    const hiddenFrom = [...state.people.values()].flatMap(({ userId, isBlocked }) =>
      isBlocked ? [userId] : [],
    );
    try {
      await this.#host.groups.mark(groupId, this.#userId, { deliveredSeq, readSeq, hiddenFrom }, deadline);
    } catch (error) {
      // By the group the user is out: it begins anew when it comes back, and of that this mailbox will hear.
      if (!(error instanceof ProtocolError) || error.kind !== 'not_found') {
        this.#actor.state?.untoldGroups.add(groupId);
        throw error;
      }
    }
    // The state may have been loaded anew meanwhile; what the group knows stays true, of that stay.
    const current = this.#actor.state;
    if (current?.groups.get(groupId)?.enrolmentEvent !== enrolmentEvent) return;
    noteConfirmedMarks(current, groupId, { delivered: deliveredSeq, read: readSeq });
  }

  /** Cells are cleared after a quiet while: marks that move again need no other. */
  #pauseMs(): number {
    const { tellGroupsAfterMs, clearAfterMs, retryMaxMs } = this.#host.outboxTiming;
    if (this.#failures > 0)
      return Math.min(retryMaxMs, tellGroupsAfterMs * 2 ** Math.min(this.#failures, 16));
    const isUntold = (this.#actor.state?.untoldGroups.size ?? 1) > 0;
    return isUntold ? tellGroupsAfterMs : clearAfterMs;
  }
}
