import type { Change, Conversation, Message } from '../../src/protocol/message.ts';
import { rowHashCount } from '../../src/row/row-key.ts';
import { isGroupId } from '../../src/protocol/conversation-id.ts';
import type { MailboxPort } from '../../src/router/mailbox-port.ts';
import type { MailboxHistory } from './mailbox-history.ts';
import type { MailboxRig, RigNode } from './mailbox-rig.ts';

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(what);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** All that one user sees, read page by page. */
export interface MailboxView {
  readonly conversations: readonly Conversation[];
  /** By conversation, oldest first. */
  readonly messages: ReadonlyMap<string, readonly Message[]>;
  /** Since the beginning; undefined where the log is shorter than that. */
  readonly changes: readonly Change[] | undefined;
}

export async function allMessages(
  mailbox: MailboxPort,
  conversationId: string,
  limit: number,
  deadline: number,
): Promise<Message[]> {
  const messages: Message[] = [];
  for (let before: number | undefined; ;) {
    const page = await mailbox.call(
      'getMessages',
      { conversationId, limit, ...(before && { before }) },
      deadline,
    );
    messages.push(...page.messages);
    before = messages.at(-1)?.seq;
    if (!page.hasMore) return messages.reverse();
  }
}

export async function allChanges(
  mailbox: MailboxPort,
  since: string,
  limit: number,
  deadline: number,
): Promise<Change[] | undefined> {
  const changes: Change[] = [];
  for (let cursor = since; ;) {
    const page = await mailbox.call('getChanges', { since: cursor, limit }, deadline);
    if ('reset' in page) return undefined;
    changes.push(...page.changes);
    check(page.changes.length <= limit, 'a page of changes that is too long');
    ({ cursor } = page);
    if (!page.hasMore) return changes;
  }
}

export async function viewOf(mailbox: MailboxPort, limit: number, deadline: number): Promise<MailboxView> {
  const conversations: Conversation[] = [];
  for (let hasMore = true; hasMore;) {
    const page = await mailbox.call('getConversations', { limit, offset: conversations.length }, deadline);
    conversations.push(...page.conversations);
    ({ hasMore } = page);
  }
  const messages = new Map<string, readonly Message[]>();
  for (const { conversationId, type } of conversations) {
    // Those of a group are in its own row.
    if (type === 'group') continue;
    messages.set(conversationId, await allMessages(mailbox, conversationId, limit, deadline));
  }
  return { conversations, messages, changes: await allChanges(mailbox, '0', limit, deadline) };
}

/** A change without what a message shows by the time it is read. */
export function feedKey(change: Change): string {
  // Texts are shown as they are by then.
  if ('conversation' in change) {
    return JSON.stringify({ ...change, conversation: { ...change.conversation, snippet: '' } });
  }
  if (!('message' in change)) return JSON.stringify(change);
  const { conversationId, seq, messageId, from, timestamp } = change.message;
  return JSON.stringify([change.cursor, change.kind, conversationId, seq, messageId, from, timestamp]);
}

function auditConversation(userId: string, entry: Conversation, messages: readonly Message[]): void {
  const { conversationId, readSeq, unread, lastSeq } = entry;
  messages.forEach((message, index) => {
    const previous = messages[index - 1];
    check(previous === undefined || previous.seq < message.seq, `G3: ${conversationId} is not in order`);
  });
  const counted = messages.filter(({ from, seq }) => from !== userId && seq > readSeq).length;
  check(
    unread === counted,
    `G9: ${userId} has ${unread} unread in ${conversationId}, but ${counted} are there`,
  );
  const last = messages.at(-1);
  check(last?.seq === lastSeq, `${conversationId} ends at ${String(last?.seq)}, its entry says ${lastSeq}`);
  const snippet = last.text.length <= 100 ? last.text : `${last.text.slice(0, 99)}…`;
  check(entry.snippet === snippet && entry.lastFrom === last.from, 'a foreign snippet');
  check(entry.lastTimestamp === last.timestamp, 'the time of another message');
}

/** Groups have an audit of their own. */
function isOfGroup(change: Change): change is Extract<Change, { kind: 'conversation' }> {
  if (change.kind === 'conversation') return true;
  if (change.kind === 'contact') return false;
  return isGroupId('message' in change ? change.message.conversationId : change.conversationId);
}

/** The feed has every message of the history once, and read marks that only move on and count exactly. */
function auditFeed(userId: string, view: MailboxView): void {
  if (view.changes === undefined) return;
  const told = new Map<string, Message[]>();
  const marks = new Map<string, number>();
  const changed = new Set<string>();
  const receipts = new Map<string, { deliveredSeq: number; readSeq: number }>();
  for (const change of view.changes) {
    if (isOfGroup(change)) continue;
    if ('message' in change && change.kind === 'message') {
      const { conversationId } = change.message;
      told.set(conversationId, [...(told.get(conversationId) ?? []), change.message]);
      continue;
    }
    if ('message' in change) {
      const { conversationId, seq } = change.message;
      const isTold = told.get(conversationId)?.some((message) => message.seq === seq);
      check(isTold === true, `G8: ${seq} of ${conversationId} is ${change.kind} before it is there`);
      changed.add(`${change.kind} ${conversationId}/${seq}`);
      continue;
    }
    if (change.kind === 'contact') continue;
    if (change.kind === 'receipt') {
      const before = receipts.get(change.conversationId) ?? { deliveredSeq: 0, readSeq: 0 };
      const { deliveredSeq, readSeq } = change;
      const isBack = deliveredSeq < before.deliveredSeq || readSeq < before.readSeq;
      // The end of a block tells them once more.
      check(!isBack, 'G9: a receipt that goes back');
      receipts.set(change.conversationId, { deliveredSeq, readSeq });
      continue;
    }
    const { conversationId, readSeq, unread } = change;
    check(readSeq > (marks.get(conversationId) ?? 0), 'G9: a mark that does not move on');
    marks.set(conversationId, readSeq);
    const known = told.get(conversationId) ?? [];
    const counted = known.filter(({ from, seq }) => from !== userId && seq > readSeq).length;
    check(unread === counted, `G9: ${change.cursor} says ${unread} unread, by then there were ${counted}`);
  }
  for (const [conversationId, messages] of view.messages) {
    const inFeed = (told.get(conversationId) ?? []).toSorted((a, b) => a.seq - b.seq);
    check(same(inFeed, messages), `G8: the feed of ${userId} is not the history of ${conversationId}`);
    for (const { seq, editedAt, deletedAt } of messages) {
      const kind = deletedAt === undefined ? 'edited' : 'deleted';
      const isChanged = deletedAt !== undefined || editedAt !== undefined;
      const isTold = changed.has(`${kind} ${conversationId}/${seq}`);
      check(!isChanged || isTold, `G8: ${userId} was not told that ${seq} of ${conversationId} is ${kind}`);
    }
  }
  for (const { conversationId, type, peerDeliveredSeq, peerReadSeq } of view.conversations) {
    if (type === 'group') continue;
    const told = receipts.get(conversationId) ?? { deliveredSeq: 0, readSeq: 0 };
    const listed = { deliveredSeq: peerDeliveredSeq, readSeq: peerReadSeq };
    check(same(told, listed), `G8: the receipts of ${userId} in ${conversationId} are not its list`);
  }
}

/** Each side knows exactly how far the other has got. */
function auditReceipts(views: ReadonlyMap<string, MailboxView>, history: MailboxHistory): void {
  for (const [userId, view] of views) {
    for (const { conversationId, peer, peerReadSeq, peerDeliveredSeq = 0 } of view.conversations) {
      if (peer === undefined) continue;
      const theirs = views.get(peer)?.conversations.find((entry) => entry.conversationId === conversationId);
      const read = theirs?.readSeq ?? 0;
      check(peerReadSeq === read, `G5: ${peer} has read ${read}, ${userId} was told ${String(peerReadSeq)}`);
      const delivered = history.deliveredOf(peer, conversationId);
      check(
        peerDeliveredSeq >= delivered && peerDeliveredSeq >= read,
        `G5: ${peer} has got ${delivered}, ${userId} was told ${peerDeliveredSeq}`,
      );
    }
  }
}

/** After everything has come to rest: is what is stored what the history allows? Throws what is wrong. */
export async function audit(
  rig: MailboxRig,
  node: RigNode,
  userIds: readonly string[],
  history: MailboxHistory,
  limit: number,
): Promise<Map<string, MailboxView>> {
  const views = new Map<string, MailboxView>();
  for (const userId of userIds) {
    const view = await rig.time.drive(viewOf(node.mailbox(userId), limit, rig.deadline(600_000)));
    views.set(userId, view);
    for (const entry of view.conversations) {
      if (entry.type === 'group') continue;
      auditConversation(userId, entry, view.messages.get(entry.conversationId) ?? []);
    }
    auditFeed(userId, view);
    for (const messages of view.messages.values()) {
      for (const message of messages) history.saw(userId, message);
      history.changes.checkFinal(userId, messages);
    }
  }
  for (const { messageId, conversationId, from, to, acked } of history.attempts.values()) {
    const [theirs, own] = [to, from].map((userId) =>
      (views.get(userId)?.messages.get(conversationId) ?? []).filter((m) => m.messageId === messageId),
    );
    check((theirs?.length ?? 0) <= 1, `G2: ${messageId} is there twice`);
    check(!acked || theirs?.length === 1, `G1: ${messageId} was acknowledged and is not there`);
    check(same(theirs, own), `G5: the copies of ${messageId} differ: ${JSON.stringify([theirs, own])}`);
  }
  auditReceipts(views, history);
  const slice = { fromHash: 0, toHash: rowHashCount };
  const owed = await rig.time.drive(node.store.scanOutbox(slice, undefined, 1_000, rig.deadline()));
  check(owed.entityIds.length === 0, `G5: ${owed.entityIds.join()} still owe something`);
  return views;
}
