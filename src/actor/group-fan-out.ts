import {
  noteConfirmedMark,
  noteConfirmedEnrolment,
  noteMostlyConfirmed,
  noteOwnKnown,
} from '../group/apply-group-draft.ts';
import {
  audienceOf,
  isBehind,
  isFanOutDue,
  isNewsDue,
  isOwed,
  lacksNews,
  markOfState,
} from '../group/fan-out-due.ts';
import {
  everything,
  furthestMark,
  leastMark,
  markOfGroup,
  reachesMark,
  type FanOutMark,
} from '../group/fan-out-mark.ts';
import { isReadByMembers, isToldLarge, type GroupState } from '../group/group-state.ts';
import type { Enrolment } from '../conversation/bulletin.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { backoffDelayMs, jitteredMs } from '../std/backoff.ts';
import type { Cancel } from '../std/time.ts';
import type { Actor } from './actor.ts';
import type { GroupTypes } from './group-entity.ts';
import type { GroupHost } from './group-host.ts';
import type { LostCommits } from './lost-commits.ts';

/** The members whose mailboxes are on one node: one round under way at a time, what comes meanwhile is in the next. */
interface Lane {
  /** The node, or one user on it who could not be told when the others were. */
  readonly key: string;
  readonly nodeId: string;
  readonly straggler: string | undefined;
  /** Members, and those who left and may not know. */
  userIds: readonly string[];
  /** All mailboxes of this lane know all up to here. */
  through: FanOutMark;
  isBusy: boolean;
  failures: number;
  cancelRetry: Cancel | undefined;
}

interface Waiting {
  readonly userIds: Set<string>;
  readonly done: () => void;
}

/** Mailboxes that are told one by one; where more fail than these, those of their node wait for each other. */
const stragglersMax = 16;

/**
 * Tells the mailboxes of the members what the group has: for each node one envelope at a time, with everything that
 * its mailboxes lack. It goes by what the row says is owed, so it resumes after a crash; all of it may be told twice.
 */
export class GroupFanOut {
  readonly #groupId: string;
  readonly #actor: Actor<GroupTypes>;
  readonly #host: GroupHost;
  readonly #lost: LostCommits;
  #lanes = new Map<string, Lane>();
  /** For which view and which event of the group the lanes are. */
  #lanesEpoch = -1;
  #lanesEvent = -1;
  /** False: of those who are owed something. All are told again where the row was loaded anew, with an older mark. */
  #lanesAreOfAll = true;
  readonly #waiting = new Set<Waiting>();
  #settleTimer: Cancel | undefined;
  #receiptTimer: Cancel | undefined;
  #isClearing = false;
  /** Was something owed when the row was last in memory? */
  #isOpen = false;
  #underWay = 0;

  constructor(groupId: string, actor: Actor<GroupTypes>, host: GroupHost, lost: LostCommits) {
    this.#groupId = groupId;
    this.#actor = actor;
    this.#host = host;
    this.#lost = lost;
  }

  get isIdle(): boolean {
    return !this.#isOpen && this.#underWay === 0 && this.#waiting.size === 0;
  }

  /** After a load or a commit. */
  changed(state: GroupState): void {
    this.#isOpen = state.mark !== undefined || state.owed.size > 0;
    if (isNewsDue(state)) this.#pumpSoon();
    else if (isFanOutDue(state)) this.#pumpReceipts();
    if (this.#isOpen) this.#scheduleSettle(this.#clearAfterMs);
  }

  /** Stops what it does on its own; the next load or commit begins anew. */
  leave(): void {
    this.#isOpen = false;
    this.#forgetLanes();
    this.#settleTimer?.();
    this.#settleTimer = undefined;
    this.#receiptTimer?.();
    this.#receiptTimer = undefined;
    for (const { done } of [...this.#waiting]) done();
  }

  settleSoon(): void {
    this.#isClearing = true;
    this.#settleTimer?.();
    this.#settleTimer = undefined;
    this.#scheduleSettle(0);
  }

  /** Resolves when the mailboxes of these users know of their coming or going, or after a while all the same. */
  told(userIds: readonly string[], deadline: number): Promise<void> {
    const { time, fanOutTiming } = this.#host;
    const { state } = this.#actor;
    const owed = userIds.filter((userId) => state !== undefined && isOwed(state, userId));
    const waitMs = Math.min(fanOutTiming.enrolmentWaitMs, deadline - time.monotonicMs());
    if (owed.length === 0 || waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#waiting.delete(waiting);
        resolve();
      };
      const cancel = time.after(waitMs, done);
      const waiting: Waiting = { userIds: new Set(owed), done };
      this.#waiting.add(waiting);
    });
  }

  get #clearAfterMs(): number {
    return this.#host.fanOutTiming.clearAfterMs;
  }

  #pump(): void {
    const { state } = this.#actor;
    if (state === undefined) return;
    this.#arrange(state);
    this.#noteMark(state);
    for (const lane of this.#lanes.values()) {
      if (lane.isBusy || lane.cancelRetry !== undefined || !isBehind(state, lane)) continue;
      lane.isBusy = true;
      this.#underWay++;
      void this.#run(lane).finally(() => {
        this.#underWay--;
      });
    }
  }

  /** Lanes as the view and the members are now. */
  #arrange(state: GroupState): void {
    const epoch = this.#host.tenure.epoch();
    const event = state.info?.event ?? 0;
    const isAll = !isReadByMembers(state);
    // Without all members they are of those who are owed something, which is often somebody else.
    const isSame = epoch === this.#lanesEpoch && event === this.#lanesEvent;
    if (isSame && isAll && this.#lanesAreOfAll) return;
    // In another view users may have come to a lane that is further than the one they were in.
    if (epoch !== this.#lanesEpoch) this.#forgetLanes();
    const byNode = new Map<string, string[]>();
    const isOf = (userId: string): boolean => (isAll && state.members.has(userId)) || state.owed.has(userId);
    if (isAll) for (const userId of state.members.keys()) this.#assign(byNode, userId);
    for (const userId of state.owed.keys()) {
      if (!isAll || !state.members.has(userId)) this.#assign(byNode, userId);
    }
    for (const [key, { nodeId, straggler }] of this.#lanes) {
      if (straggler === undefined ? !byNode.has(nodeId) : !isOf(straggler)) this.#lanes.delete(key);
    }
    for (const [nodeId, userIds] of byNode) {
      const lane = this.#lanes.get(nodeId);
      if (lane === undefined) this.#lanes.set(nodeId, newLane(nodeId, userIds, state.confirmed));
      else lane.userIds = userIds;
    }
    // The row may have been loaded anew, with a later mark of another owner: what all know, theirs know.
    for (const lane of this.#lanes.values()) lane.through = furthestMark(lane.through, state.confirmed);
    // Nobody is left to be told, none of those either who are told alone.
    if (this.#lanes.size === 0) noteConfirmedMark(state, markOfState(state));
    this.#lanesEpoch = epoch;
    this.#lanesEvent = event;
    this.#lanesAreOfAll = isAll;
  }

  #assign(byNode: Map<string, string[]>, userId: string): void {
    const nodeId = this.#host.members.nodeOf(userId);
    if (this.#lanes.has(stragglerKey(nodeId, userId))) return;
    const known = byNode.get(nodeId);
    if (known === undefined) byNode.set(nodeId, [userId]);
    else known.push(userId);
  }

  #forgetLanes(): void {
    for (const { cancelRetry } of this.#lanes.values()) cancelRetry?.();
    this.#lanes = new Map();
    this.#lanesEpoch = -1;
  }

  async #run(lane: Lane): Promise<void> {
    try {
      for (let isFirst = true; this.#isPresent(lane); isFirst = false) {
        const { state } = this.#actor;
        if (state === undefined || !(isFirst ? isBehind : lacksNews)(state, lane)) break;
        if (!(await this.#round(lane))) {
          this.#retryLater(lane);
          break;
        }
        lane.failures = 0;
      }
    } catch (error) {
      this.#failed(error);
      this.#retryLater(lane);
    } finally {
      lane.isBusy = false;
      this.#rejoin();
      // Others have taken its place.
      if (!this.#isPresent(lane)) this.#pumpSoon();
      else this.#pumpReceipts();
    }
  }

  /** Who has caught up is told with the others of the node again; not within a round, of which they were no part. */
  #rejoin(): void {
    const { state } = this.#actor;
    for (const [key, lane] of this.#lanes) {
      const { straggler, nodeId, through, isBusy } = lane;
      const home = this.#lanes.get(nodeId);
      if (straggler === undefined || isBusy || home === undefined || home.isBusy) continue;
      if (!reachesMark(through, home.through) || state === undefined || isBehind(state, lane)) continue;
      this.#lanes.delete(key);
      home.userIds = [...home.userIds, straggler];
    }
  }

  #isPresent(lane: Lane): boolean {
    return this.#lanes.get(lane.key) === lane;
  }

  /** A few who could not be told must not hold up the others: from here on each of them goes alone. @returns whether */
  #part(lane: Lane, failed: ReadonlySet<string>): boolean {
    const stragglers = [...this.#lanes.values()].filter(({ straggler }) => straggler !== undefined).length;
    if (failed.size >= lane.userIds.length || stragglers + failed.size > stragglersMax) return false;
    if (!this.#isPresent(lane)) return false;
    const { nodeId, through } = lane;
    for (const userId of failed) {
      const alone = newLane(nodeId, [userId], through, userId);
      this.#lanes.set(alone.key, alone);
      this.#retryLater(alone);
    }
    lane.userIds = lane.userIds.filter((userId) => !failed.has(userId));
    return true;
  }

  /** @returns whether all mailboxes of the lane have it; false also where there was nothing to have, which waits likewise */
  async #round(lane: Lane): Promise<boolean> {
    const { time, members, fanOutTiming } = this.#host;
    const { through } = lane;
    const deadline = time.monotonicMs() + fanOutTiming.roundMs;
    const before = this.#actor.state;
    // Who is in a large group, and knows that, is told nothing of its messages.
    const isNamedOnly = before !== undefined && isToldLarge(before, through);
    const above = isNamedOnly ? everything : through;
    const answer = await this.#actor.query({ kind: 'bulletin', above }, deadline);
    const { state } = this.#actor;
    if (answer.kind !== 'bulletin' || answer.bulletin === undefined || state === undefined) return false;
    const { bulletin } = answer;
    this.#arrange(state);
    // Who came meanwhile is told with the next one; and where the view has changed this lane is no more.
    if (state.info?.event !== bulletin.event || !this.#isPresent(lane)) return true;
    if (isNamedOnly !== isToldLarge(state, lane.through)) return true;
    const { userIds, enrolments } = audienceOf(state, lane.userIds, bulletin, isNamedOnly);
    const failed = new Set(await members.tell(lane.nodeId, { bulletin, userIds, enrolments }, deadline));
    const isDone = failed.size === 0 || this.#part(lane, failed);
    // Who knows that the group is large takes no more from a bulletin than that, whatever it has.
    if (isDone && !isNamedOnly) lane.through = leastMark([markOfGroup(bulletin), markOfState(state)]);
    this.#confirm(lane, bulletin.lastSeq, enrolments, failed);
    // A round that changes nothing must not be followed by another one at once: nothing else would run in between.
    return isDone && (enrolments.size > 0 || !reachesMark(through, lane.through));
  }

  #confirm(
    lane: Lane,
    lastSeq: number,
    enrolments: ReadonlyMap<string, Enrolment>,
    failed: ReadonlySet<string>,
  ): void {
    // Maybe loaded anew: what mailboxes have confirmed stays true.
    const { state } = this.#actor;
    if (state === undefined) return;
    for (const [userId, enrolment] of enrolments) {
      if (failed.has(userId)) continue;
      noteConfirmedEnrolment(state, userId, enrolment.event);
      noteOwnKnown(state, userId, lastSeq);
    }
    if (this.#isPresent(lane)) this.#noteMark(state);
    for (const { userIds, done } of [...this.#waiting]) {
      for (const userId of userIds) if (!isOwed(state, userId)) userIds.delete(userId);
      if (userIds.size === 0) done();
    }
  }

  /** All members know what all lanes have told, also where the row was loaded anew since, with an older mark. */
  #noteMark(state: GroupState): void {
    const lanes = [...this.#lanes.values()];
    if (lanes.length === 0) return;
    noteConfirmedMark(state, leastMark(lanes.map(({ through }) => through)));
    const together = lanes.filter(({ straggler }) => straggler === undefined);
    if (together.length === 0) return;
    noteMostlyConfirmed(state, leastMark(together.map(({ through }) => through)));
  }

  #retryLater(lane: Lane): void {
    if (!this.#isPresent(lane)) return;
    const { time, random, fanOutTiming } = this.#host;
    const { retryFirstMs, retryMaxMs } = fanOutTiming;
    const waitMs = backoffDelayMs({ baseMs: retryFirstMs, maxMs: retryMaxMs }, lane.failures++, random);
    lane.cancelRetry = time.after(waitMs, () => {
      lane.cancelRetry = undefined;
      this.#pump();
    });
  }

  #pumpSoon(): void {
    this.#host.time.soon(() => this.#pump());
  }

  /** Those of more members go along after a while; of what is under way the end looks again. */
  #pumpReceipts(): void {
    if (this.#receiptTimer !== undefined || !this.#isOpen) return;
    const waitMs = jitteredMs(this.#host.fanOutTiming.receiptAfterMs, this.#host.random);
    this.#receiptTimer = this.#host.time.after(waitMs, () => {
      this.#receiptTimer = undefined;
      this.#pump();
    });
  }

  #scheduleSettle(delayMs: number): void {
    if (this.#settleTimer !== undefined) return;
    this.#settleTimer = this.#host.time.after(jitteredMs(delayMs, this.#host.random), () => {
      this.#settleTimer = undefined;
      this.#underWay++;
      void this.#settle().finally(() => {
        this.#underWay--;
      });
    });
  }

  /** Clears what the row says is owed, when it is quiet and nothing is. */
  async #settle(): Promise<void> {
    const { time } = this.#host;
    const deadline = time.monotonicMs() + this.#host.actorLimits.commitDeadlineMs;
    try {
      const { state } = this.#actor;
      if (state === undefined) {
        this.#reload();
        return;
      }
      if (state.mark === undefined && state.owed.size === 0) return;
      // A clock that was set back must not make it wait for the old time to come again.
      const quietMs = Math.abs(time.wallMs() - (state.info?.updatedAt ?? 0));
      if (isFanOutDue(state)) this.#pump();
      else if (this.#isClearing || quietMs >= this.#clearAfterMs) {
        await this.#actor.submit({ kind: 'settle' }, deadline);
      }
      this.#isClearing = false;
      this.#scheduleSettle(this.#clearAfterMs);
    } catch (error) {
      this.#failed(error);
      this.#reload();
    }
  }

  /** Also where no commit has failed: a read may have found the row changed, and could not load it again. */
  #reload(): void {
    if (this.#isOpen && this.#lost.isNone) this.#lost.add();
  }

  /** What could not be done is owed still, and tried again. */
  #failed(error: unknown): void {
    if (error instanceof ProtocolError && error.kind !== 'internal') return;
    this.#host.alarm(error, `fan-out of ${this.#groupId}`);
  }
}

function stragglerKey(nodeId: string, userId: string): string {
  return `${nodeId} ${userId}`;
}

function newLane(nodeId: string, userIds: readonly string[], through: FanOutMark, straggler?: string): Lane {
  const key = straggler === undefined ? nodeId : stragglerKey(nodeId, straggler);
  return { key, nodeId, straggler, userIds, through, isBusy: false, failures: 0, cancelRetry: undefined };
}
