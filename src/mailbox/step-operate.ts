import { DedupLookUp } from '../conversation/dedup-window.ts';
import {
  dedupIdOf,
  fingerprintOf,
  noSuchMessage,
  notTheAuthor,
  operated,
  refuseEdit,
  type OutgoingOperation,
} from '../conversation/operation.ts';
import { refuseByIds } from '../conversation/outgoing-message.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { findInDraft } from './changed-message.ts';
import type { Envelope, OperateReply, Operated } from './envelope.ts';
import type { ConversationDraft, MailboxDraft } from './mailbox-draft.ts';
import type { MailboxLimits, StoredMessage } from './mailbox-state.ts';

type Operate = Extract<Envelope, { kind: 'operate' }>;

/** Changes of the peer's messages whose copies are not confirmed. */
function pendingIn({ base, operations }: ConversationDraft): number {
  return (base?.outbox.operations.size ?? 0) + operations.size;
}

function refuse(
  conversation: ConversationDraft,
  message: StoredMessage,
  operation: OutgoingOperation,
  limits: MailboxLimits,
): Refusal | undefined {
  if (message.own) return notTheAuthor;
  // What is deleted goes, whoever it comes from.
  if (operation.kind === 'edit' && conversation.head.isBlocked) {
    return refusal('forbidden', 'this user does not take your messages');
  }
  const unfit = refuseEdit(message, operation);
  if (unfit !== undefined) return unfit;
  if (pendingIn(conversation) < limits.outboxPendingMax) return undefined;
  return refusal('overloaded', 'too many changes wait for their author to copy them', {
    retryAfterMs: 1_000,
  });
}

function apply(
  draft: MailboxDraft,
  conversation: ConversationDraft,
  message: StoredMessage,
  { kind, seq, text }: OutgoingOperation,
): Operated {
  const { head } = conversation;
  const at = draft.nowMs;
  // Deleted already, under another id: that answers this one too.
  if (message.deletedAt !== undefined) {
    return { kind: 'operated', at: message.deletedAt, op: 0, previousOp: 0 };
  }
  const previousOp = head.peerOp;
  head.peerOp += 1;
  const time = kind === 'edit' ? { editedAt: at } : { deletedAt: at };
  draft.change(conversation, operated(message, { text, ...time }), kind === 'edit' ? 'edited' : 'deleted');
  conversation.operations.set(seq, head.peerOp);
  return { kind: 'operated', at, op: head.peerOp, previousOp };
}

/** Every message and every id that is not in memory, at once. */
function missing(
  draft: MailboxDraft,
  { conversationId, operations }: Operate,
  dedup: DedupLookUp,
  loaded: LoadedRanges,
): Step<undefined> {
  const conversation = draft.conversation(conversationId);
  const ids = dedup.missing(operations.map((operation) => ({ messageId: dedupIdOf(operation) })));
  const ranges = [...(ids?.ranges ?? [])];
  if (conversation !== undefined) {
    for (const { seq } of operations) {
      const found = findInDraft(conversation, seq, loaded);
      if (found.kind === 'need') ranges.push(...found.ranges);
    }
  }
  return ranges.length === 0 ? done(undefined) : need(...ranges);
}

/**
 * Edits and deletions of the peer's messages. As with sends the recipient's commit decides, an id has one effect
 * (G2), and what was changed is owed to the author's own copy (G5): numbered, so that it is applied there in order.
 */
export function stepOperate(
  draft: MailboxDraft,
  envelope: Operate,
  loaded: LoadedRanges,
  limits: MailboxLimits,
): Step<OperateReply> {
  const dedup = new DedupLookUp(draft.state.dedup, draft.dedup, loaded, draft.state.version?.number ?? 0);
  const unmet = missing(draft, envelope, dedup, loaded);
  if (unmet.kind === 'need') return unmet;
  const conversation = draft.conversation(envelope.conversationId);
  const oldestMs = draft.nowMs - limits.dedupWindowMs;
  const results = envelope.operations.map((operation): Operated | Refusal => {
    const first = dedup.entry(dedupIdOf(operation));
    const fingerprint = fingerprintOf(operation);
    if (first !== undefined) {
      if (first.fingerprint === fingerprint) {
        return { kind: 'operated', at: first.timestamp, op: 0, previousOp: 0 };
      }
      return refusal('conflict', 'this messageId was used for another change');
    }
    const stale = refuseByIds(operation, oldestMs, () => true);
    if (stale !== undefined) return stale;
    if (conversation === undefined) return noSuchMessage;
    const found = findInDraft(conversation, operation.seq, loaded);
    if (found.kind === 'need' || found.result === undefined) return noSuchMessage;
    const refused = refuse(conversation, found.result, operation, limits);
    if (refused !== undefined) return refused;
    const result = apply(draft, conversation, found.result, operation);
    const entry = { seq: operation.seq, timestamp: result.at, fingerprint };
    draft.dedup.set(dedupIdOf(operation), entry);
    return result;
  });
  return done({ kind: 'operated', results });
}
