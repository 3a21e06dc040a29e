import { DedupLookUp } from '../conversation/dedup-window.ts';
import { refuseByIds } from '../conversation/outgoing-message.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { isOwed } from './fan-out-due.ts';
import { noSuchGroup, notCaughtUp } from './group-access.ts';
import type { GroupDraft } from './group-draft.ts';
import type { GroupInput, GroupResult } from './group-input.ts';
import { fanOutEnd, type GroupLimits } from './group-state.ts';

/** Of a large group: numbers that say which messages are a member's own and that its mailbox could not be told of. */
const ownRunsMax = 4_096;

/**
 * The group's commit decides: who is out gets nothing, then dedup (G2), window, `after` and limits; it gives the next
 * seq (G3). So sends, and coming and going, have one order.
 */
export function stepGroupSend(
  draft: GroupDraft,
  { from, message }: Extract<GroupInput, { kind: 'send' }>,
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<GroupResult> {
  const { info, state } = draft;
  if (info === undefined || draft.member(from) === undefined) return done(noSuchGroup());
  const lookUp = new DedupLookUp(state.dedup, draft.dedup, loaded, state.version?.number ?? 0);
  const unmet = lookUp.missing([message]);
  if (unmet !== undefined) return unmet;
  const first = lookUp.entry(message.messageId);
  if (first !== undefined) {
    if (first.fingerprint !== message.fingerprint) {
      return done(refusal('conflict', 'this messageId was used for another content'));
    }
    const { seq, timestamp } = first;
    return done({ kind: 'sent', seq, timestamp, duplicate: true });
  }
  const isKnown = (messageId: string): boolean => lookUp.entry(messageId) !== undefined;
  const refused = refuseByIds(message, draft.nowMs - limits.dedupWindowMs, isKnown);
  if (refused !== undefined) return done(refused);
  // Of those who are owed nothing they are cut to what is not told when they write the next one.
  const hasDue = draft.owed.has(from) || isOwed(state, from);
  const isOwnUntold = hasDue && (draft.member(from)?.own ?? []).length >= ownRunsMax;
  const end = fanOutEnd(info, draft.large);
  if (end.seq - draft.known.seq >= limits.pendingMax || isOwnUntold) return done(notCaughtUp);
  const { messageId, text, mediaRef, replyTo, fingerprint } = message;
  const seq = info.lastSeq + 1;
  const timestamp = draft.nowMs;
  draft.add(
    {
      ...{ seq, messageId, text, timestamp },
      ...(mediaRef && { mediaRef }),
      ...(replyTo !== undefined && { replyTo }),
    },
    fingerprint,
  );
  draft.noteOwn(from, seq);
  return done({ kind: 'sent', seq, timestamp, duplicate: false });
}
