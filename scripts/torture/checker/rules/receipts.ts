import { dmUsers, isDm } from '../../client/protocol-shapes.ts';
import type { FinalView, HistoryRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

interface Marks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** Above so many the server may tell nobody: then only the list of members says it. */
const toldMembersMax = 100;

/** Receipts never go back, tell nothing that was not marked, and in the end everybody knows all marks. */
export function checkReceipts(evidence: Evidence): readonly Violation[] {
  const found = new Findings('receipts');
  const marked = markedBy(evidence);
  for (const view of evidence.views.values()) {
    const told = checkTold(evidence, view.userId, marked, found);
    checkEnd(evidence, view, told, found);
    checkMembers(evidence, view, found);
  }
  return found.violations;
}

/** The greatest marks that each may have set, by conversation and user. */
function markedBy({ history }: Evidence): ReadonlyMap<string, Marks> {
  const marked = new Map<string, Marks>();
  for (const { method, userId, params } of [
    ...history.callsOf('markRead'),
    ...history.callsOf('markDelivered'),
  ]) {
    const key = keyOf(params.conversationId, userId);
    const { deliveredSeq, readSeq } = marked.get(key) ?? { deliveredSeq: 0, readSeq: 0 };
    marked.set(key, {
      deliveredSeq: Math.max(deliveredSeq, params.seq),
      readSeq: method === 'markRead' ? Math.max(readSeq, params.seq) : readSeq,
    });
  }
  return marked;
}

/** @returns the last receipts of the feed, by conversation and user */
function checkTold(
  evidence: Evidence,
  listener: string,
  marked: ReadonlyMap<string, Marks>,
  found: Findings,
): ReadonlyMap<string, Marks> {
  const told = new Map<string, Marks>();
  for (const change of evidence.history.feedOf(listener).changes) {
    if (change.kind !== 'receipt') continue;
    const { conversationId, userId } = change;
    if (isUnsteady(evidence, conversationId, listener, userId)) continue;
    const key = keyOf(conversationId, userId);
    const before = told.get(key);
    const is = `${listener} was told of ${userId} in ${conversationId}: ${marksText(change)}`;
    if (
      before !== undefined &&
      (change.deliveredSeq < before.deliveredSeq || change.readSeq < before.readSeq)
    )
      found.add(`${is}, after ${marksText(before)}`, marksOf(evidence, conversationId, userId));
    const most = marked.get(key) ?? { deliveredSeq: 0, readSeq: 0 };
    if (change.deliveredSeq > most.deliveredSeq || change.readSeq > most.readSeq)
      found.add(`${is}, who never marked more than ${marksText(most)}`, []);
    told.set(key, change);
  }
  return told;
}

/** Counting may begin anew for who was out, or came later. */
function isUnsteady(evidence: Evidence, conversationId: string, ...users: string[]): boolean {
  if (isDm(conversationId)) return false;
  return users.some(
    (userId) => evidence.hasLeft(userId, conversationId) || evidence.isLate(userId, conversationId),
  );
}

/** The last receipts of each feed are the marks as they are. */
function checkEnd(
  evidence: Evidence,
  { userId: listener, conversations }: FinalView,
  told: ReadonlyMap<string, Marks>,
  found: Findings,
): void {
  if (evidence.history.feedOf(listener).wasReset) return;
  for (const { conversationId } of conversations) {
    if (evidence.circles.isMaybeLarge(conversationId)) continue;
    for (const [userId, view] of evidence.views) {
      const isOther = isDm(conversationId)
        ? dmUsers(conversationId).includes(userId)
        : evidence.circles.isMaybeMember(userId, conversationId);
      if (!isOther || userId === listener || isUnsteady(evidence, conversationId, listener, userId)) continue;
      if (!evidence.blocks.areFree(listener, userId)) continue;
      // What was marked in a group under a block comes with the next mark.
      if (!isDm(conversationId) && !evidence.blocks.neverBlocked(listener, userId)) continue;
      const theirs = view.conversations.find((one) => one.conversationId === conversationId);
      const { readSeq: last = 0, deliveredSeq = 0 } = told.get(keyOf(conversationId, userId)) ?? {};
      const delivered = deliveredTo(evidence, conversationId, userId);
      if (deliveredSeq < delivered)
        found.addUnlessHealed(
          `${delivered} of ${conversationId} is delivered to ${userId}, the last that ${listener} was told is ${deliveredSeq}`,
          marksOf(evidence, conversationId, userId),
        );
      if (theirs !== undefined && theirs.readSeq !== last)
        found.addUnlessHealed(
          `${userId} has read ${conversationId} to ${theirs.readSeq}, the last that ${listener} was told is ${last}`,
          marksOf(evidence, conversationId, userId),
        );
    }
  }
}

/** The list of members has the marks of each as they are, except of who is blocked. */
function checkMembers(evidence: Evidence, { userId: asker, members }: FinalView, found: Findings): void {
  for (const [conversationId, list] of members) {
    if (list.length > toldMembersMax) continue;
    for (const { userId, readSeq, deliveredSeq } of list) {
      if (userId !== asker && !evidence.blocks.areFree(asker, userId)) continue;
      const theirs = evidence.views
        .get(userId)
        ?.conversations.find((one) => one.conversationId === conversationId);
      if (theirs === undefined) continue;
      if (theirs.readSeq !== readSeq)
        found.addUnlessHealed(
          `${userId} has read ${conversationId} to ${theirs.readSeq}, ${asker}'s list of members says ${readSeq}`,
          marksOf(evidence, conversationId, userId),
        );
      if (isUnsteady(evidence, conversationId, userId)) continue;
      const delivered = deliveredTo(evidence, conversationId, userId);
      if (deliveredSeq < delivered)
        found.addUnlessHealed(
          `${delivered} of ${conversationId} is delivered to ${userId}, ${asker}'s list of members says ${deliveredSeq}`,
          marksOf(evidence, conversationId, userId),
        );
    }
  }
}

/** The greatest delivered mark that was acknowledged. */
function deliveredTo({ history }: Evidence, conversationId: string, userId: string): number {
  const marks = history
    .callsOf('markDelivered')
    .map((call) =>
      call.userId === userId && call.params.conversationId === conversationId && call.outcome.kind === 'ok'
        ? call.outcome.result.seq
        : 0,
    );
  return Math.max(0, ...marks);
}

function marksText({ deliveredSeq, readSeq }: Marks): string {
  return `delivered ${deliveredSeq}, read ${readSeq}`;
}

function marksOf({ history }: Evidence, conversationId: string, userId: string): readonly HistoryRecord[] {
  return [...history.callsOf('markRead'), ...history.callsOf('markDelivered')]
    .filter((call) => call.userId === userId && call.params.conversationId === conversationId)
    .toSorted((a, b) => a.startMs - b.startMs)
    .slice(-4);
}
