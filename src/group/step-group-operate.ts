import { DedupLookUp } from '../conversation/dedup-window.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
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
import { senderOf } from '../protocol/message-id.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { noSuchGroup, notCaughtUp } from './group-access.ts';
import type { GroupDraft } from './group-draft.ts';
import type { GroupInput, GroupResult } from './group-input.ts';
import { fanOutEnd, type GroupLimits } from './group-state.ts';
import { groupMessagesBetween, shownAbove } from './query-group-messages.ts';

/** The message with this seq as the commit in preparation will leave it. */
function findInDraft(
  { state, added, changed }: GroupDraft,
  seq: number,
  loaded: LoadedRanges,
): Step<GroupMessage | undefined> {
  const message = changed.get(seq) ?? added.find((other) => other.seq === seq);
  if (message !== undefined || seq > (state.info?.lastSeq ?? 0)) return done(message);
  const found = groupMessagesBetween(state, seq - 1, seq + 1, loaded);
  return found.kind === 'need' ? found : done(found.result[0]);
}

/**
 * An edit or a deletion: who is out gets nothing, then dedup (G2), window, author and limits. The number that the
 * commit gives it tells mailboxes apart that know of it from those that do not.
 */
export function stepGroupOperate(
  draft: GroupDraft,
  { from, operation }: Extract<GroupInput, { kind: 'operate' }>,
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<GroupResult> {
  const { info, state } = draft;
  const member = draft.member(from);
  if (info === undefined || member === undefined) return done(noSuchGroup());
  const messageId = dedupIdOf(operation);
  const fingerprint = fingerprintOf(operation);
  const lookUp = new DedupLookUp(state.dedup, draft.dedup, loaded, state.version?.number ?? 0);
  const unmet = lookUp.missing([{ messageId }]);
  if (unmet !== undefined) return unmet;
  const first = lookUp.entry(messageId);
  if (first !== undefined) {
    if (first.fingerprint === fingerprint) return done({ kind: 'operated', at: first.timestamp });
    return done(refusal('conflict', 'this messageId was used for another change'));
  }
  const stale = refuseByIds(operation, draft.nowMs - limits.dedupWindowMs, () => true);
  if (stale !== undefined) return done(stale);
  const { seq } = operation;
  const found = findInDraft(draft, seq, loaded);
  if (found.kind === 'need') return found;
  const message = found.result;
  if (message === undefined || seq <= shownAbove(info, member)) return done(noSuchMessage);
  if (senderOf(message.messageId) !== from) return done(notTheAuthor);
  const unfit = refuseEdit(message, operation);
  if (unfit !== undefined) return done(unfit);
  if (fanOutEnd(info, draft.large).op - draft.known.op >= limits.pendingMax) return done(notCaughtUp);
  const at = apply(draft, message, info.op + 1, operation);
  draft.dedup.set(messageId, { seq, timestamp: at, fingerprint });
  return done({ kind: 'operated', at });
}

/** @returns when it was done, epoch ms */
function apply(draft: GroupDraft, message: GroupMessage, op: number, operation: OutgoingOperation): number {
  // Deleted already, under another id: that answers this one too.
  if (message.deletedAt !== undefined) return message.deletedAt;
  const at = draft.nowMs;
  const { kind, text } = operation;
  const time = kind === 'edit' ? { editedAt: at } : { deletedAt: at };
  draft.change({ ...operated(message, { text, ...time }), op });
  return at;
}
