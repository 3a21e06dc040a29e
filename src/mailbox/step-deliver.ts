import { DedupLookUp } from '../conversation/dedup-window.ts';
import { refuseByIds, type OutgoingMessage } from '../conversation/outgoing-message.ts';
import { snippetOf } from '../conversation/snippet.ts';
import { sideOf } from '../protocol/conversation-id.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import type { Accepted, DeliverReply, Envelope } from './envelope.ts';
import type { ConversationDraft, MailboxDraft } from './mailbox-draft.ts';
import type { MailboxLimits } from './mailbox-state.ts';
import { furthest } from './standing.ts';

type Deliver = Extract<Envelope, { kind: 'deliver' }>;

/** Messages from the peer whose copies are not confirmed, as far as it matters for the limit. */
function pendingIn({ base, added, confirmed }: ConversationDraft, max: number): number {
  const pending = base?.outbox.pending ?? [];
  if (pending.length + added.length < max) return pending.length + added.length;
  // This very envelope may have confirmed some.
  const isPending = (seq: number): boolean => seq > confirmed.seq;
  return pending.filter(isPending).length + added.filter(({ own }) => !own).length;
}

const unwelcome = refusal('forbidden', 'this user does not take your messages');

function refuse(
  draft: MailboxDraft,
  message: OutgoingMessage,
  from: string,
  conversation: ConversationDraft | undefined,
  limits: MailboxLimits,
  isKnown: (messageId: string) => boolean,
): Refusal | undefined {
  const refused = refuseByIds(message, draft.nowMs - limits.dedupWindowMs, isKnown);
  if (refused !== undefined) return refused;
  // As to anybody who is not taken: why is nobody's business.
  if (draft.person(from)?.isBlocked === true) return unwelcome;
  if (conversation === undefined) {
    if (draft.conversationCount < limits.conversationsMax) return undefined;
    return unwelcome;
  }
  if (pendingIn(conversation, limits.outboxPendingMax) < limits.outboxPendingMax) return undefined;
  return refusal('overloaded', 'too many messages wait for their sender to copy them', {
    retryAfterMs: 1_000,
  });
}

function append(
  draft: MailboxDraft,
  conversation: ConversationDraft,
  envelope: Deliver,
  message: OutgoingMessage,
): Accepted {
  const { head } = conversation;
  const stamp = Math.max(envelope.floor, Math.floor(head.lastSeq / 2)) + 1;
  const seq = 2 * stamp + sideOf(envelope.from, draft.state.userId);
  const previousSeq = head.peerSeq;
  head.lastSeq = seq;
  head.peerSeq = seq;
  head.lastTimestamp = draft.nowMs;
  head.receivedCount += 1;
  head.lastOwn = false;
  head.snippet = snippetOf(message.text, message.mediaRef);
  const { messageId, text, mediaRef, replyTo } = message;
  draft.add(conversation, {
    seq,
    messageId,
    own: false,
    text,
    timestamp: draft.nowMs,
    receivedCount: head.receivedCount,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  });
  draft.dedup.set(messageId, { seq, timestamp: draft.nowMs, fingerprint: message.fingerprint });
  return { kind: 'accepted', seq, timestamp: draft.nowMs, duplicate: false, previousSeq };
}

/**
 * The recipient's commit decides: dedup first (G2), then window, `after` and limits; it gives the seq, above
 * everything in this row and above all that the sender has seen (G3). Own messages slot in below only as copies.
 */
export function stepDeliver(
  draft: MailboxDraft,
  envelope: Deliver,
  loaded: LoadedRanges,
  limits: MailboxLimits,
): Step<DeliverReply> {
  const profile = draft.profile ?? draft.state.profile;
  if (profile === undefined) {
    const unknown = refusal('not_found', 'no such user');
    return done({ kind: 'delivered', name: '', results: envelope.messages.map(() => unknown) });
  }
  const { dedup, version } = draft.state;
  const lookUp = new DedupLookUp(dedup, draft.dedup, loaded, version?.number ?? 0);
  const unmet = lookUp.missing(envelope.messages);
  if (unmet !== undefined) return unmet;
  let conversation = draft.conversation(envelope.conversationId);
  if (conversation !== undefined) {
    conversation.confirmed = furthest(conversation.confirmed, envelope.confirmed);
    draft.takeName(conversation, envelope.fromName);
  }
  const results = envelope.messages.map((message): Accepted | Refusal => {
    const first = lookUp.entry(message.messageId);
    if (first !== undefined) {
      if (first.fingerprint !== message.fingerprint) {
        return refusal('conflict', 'this messageId was used for another content');
      }
      const { seq, timestamp } = first;
      return { kind: 'accepted', seq, timestamp, duplicate: true, previousSeq: 0 };
    }
    const refused = refuse(
      draft,
      message,
      envelope.from,
      conversation,
      limits,
      (id) => lookUp.entry(id) !== undefined,
    );
    if (refused !== undefined) return refused;
    conversation ??= draft.openConversation(envelope.conversationId, envelope.from, envelope.fromName);
    return append(draft, conversation, envelope, message);
  });
  return done({ kind: 'delivered', name: profile.name, results });
}
