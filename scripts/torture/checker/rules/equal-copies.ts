import { dmUsers, isDm, type Message } from '../../client/protocol-shapes.ts';
import type { FinalView } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G5: in the end all copies of a conversation are the same, and each side knows the other's marks. */
export function checkEqualCopies(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G5');
  const views = [...evidence.views.values()];
  for (const conversationId of new Set(views.flatMap(({ messages }) => [...messages.keys()]))) {
    // In a dm each of the two has a copy, also who is told that there is no such conversation.
    const [first, ...others] = isDm(conversationId)
      ? dmUsers(conversationId).flatMap((userId) => evidence.views.get(userId) ?? [])
      : views.filter(({ messages }) => messages.has(conversationId));
    if (first === undefined) continue;
    for (const other of others) checkPair(evidence, conversationId, first, other, found);
  }
  checkListed(evidence, found);
  checkMarks(evidence, found);
  return found.violations;
}

/** Who has a copy of a dm has it in the list. */
function checkListed(evidence: Evidence, found: Findings): void {
  for (const { userId, conversations, messages } of evidence.views.values()) {
    const listed = new Set(conversations.map(({ conversationId }) => conversationId));
    for (const [conversationId, list] of messages) {
      const last = list.at(-1);
      if (last === undefined || !isDm(conversationId) || listed.has(conversationId)) continue;
      found.addUnlessHealed(
        `${userId} has messages of ${conversationId}, which is not in the list`,
        evidence.sends.get(keyOf(conversationId, last.messageId))?.attempts ?? [],
      );
    }
  }
}

function checkPair(
  evidence: Evidence,
  conversationId: string,
  one: FinalView,
  other: FinalView,
  found: Findings,
): void {
  const copies = [one, other].map(({ messages }) => bySeq(messages.get(conversationId) ?? []));
  for (const seq of new Set(copies.flatMap((copy) => [...copy.keys()]))) {
    const [here, there] = copies.map((copy) => copy.get(seq));
    if (fieldsOf(here) === fieldsOf(there)) continue;
    const messageId = (here ?? there)?.messageId ?? '';
    const key = keyOf(conversationId, seq);
    found.addUnlessHealed(
      `${conversationId}, seq ${seq}: ${one.userId} has ${fieldsOf(here)}, ${other.userId} has ${fieldsOf(there)}`,
      [
        ...(evidence.sends.get(keyOf(conversationId, messageId))?.attempts ?? []),
        ...(evidence.edits.get(key) ?? []),
        ...(evidence.deletions.get(key) ?? []),
      ],
    );
  }
}

function bySeq(messages: readonly Message[]): ReadonlyMap<number, Message> {
  return new Map(messages.map((message) => [message.seq, message]));
}

function fieldsOf(message: Message | undefined): string {
  if (message === undefined) return 'nothing';
  const { messageId, from, text, timestamp, editedAt, deletedAt } = message;
  return JSON.stringify([messageId, from, text, timestamp, editedAt ?? null, deletedAt ?? null]);
}

function checkMarks(evidence: Evidence, found: Findings): void {
  for (const { userId, conversations } of evidence.views.values()) {
    for (const { conversationId, peerReadSeq, peerDeliveredSeq } of conversations) {
      if (!isDm(conversationId)) continue;
      const peer = dmUsers(conversationId).find((user) => user !== userId) ?? '';
      if (!evidence.blocks.areFree(userId, peer)) continue; // Then neither is told of the other's marks.
      const theirs = evidence.views
        .get(peer)
        ?.conversations.find((one) => one.conversationId === conversationId);
      if (theirs !== undefined && theirs.readSeq !== (peerReadSeq ?? 0)) {
        found.addUnlessHealed(
          `${conversationId}: ${peer} has read to ${theirs.readSeq}, ${userId} was told ${peerReadSeq}`,
          marksOf(evidence, 'markRead', peer, conversationId),
        );
      }
      const delivered = marksOf(evidence, 'markDelivered', peer, conversationId);
      const mark = Math.max(
        0,
        ...delivered.map(({ outcome }) => (outcome.kind === 'ok' ? outcome.result.seq : 0)),
      );
      if (mark > (peerDeliveredSeq ?? 0)) {
        found.addUnlessHealed(
          `${conversationId}: ${mark} is delivered to ${peer}, ${userId} was told ${peerDeliveredSeq}`,
          delivered,
        );
      }
    }
  }
}

function marksOf<M extends 'markRead' | 'markDelivered'>(
  { history }: Evidence,
  method: M,
  userId: string,
  conversationId: string,
): ReturnType<typeof history.callsOf<M>> {
  return history
    .callsOf(method)
    .filter((call) => call.userId === userId && call.params.conversationId === conversationId);
}
