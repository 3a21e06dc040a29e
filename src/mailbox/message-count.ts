import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import type { ConversationDraft } from './mailbox-draft.ts';
import { indexAbove, type StoredMessage } from './mailbox-state.ts';

/** Messages received up to and including the one before `next`. */
function countBefore(next: StoredMessage): number {
  return next.own ? next.receivedCount : next.receivedCount - 1;
}

/**
 * How many messages were received in the conversation at or below `seq`, the draft's additions included.
 * Own copies can slot in below received messages and don't change any count, so the message next above
 * tells as well as the one at or below.
 */
export function receivedCountAt(
  conversation: ConversationDraft,
  seq: number,
  loaded: LoadedRanges,
): Step<number> {
  const { head, base, added } = conversation;
  if (seq >= head.peerSeq) return done(head.receivedCount);
  let next: StoredMessage | undefined;
  for (const message of added) {
    if (message.seq > seq && (next === undefined || message.seq < next.seq)) next = message;
  }
  if (base === undefined) return done(next === undefined ? head.receivedCount : countBefore(next));
  const above = indexAbove(base.messages, seq);
  const following = base.messages[above];
  if (seq >= base.runAbove) {
    if (following !== undefined && (next === undefined || following.seq < next.seq)) next = following;
    return done(next === undefined ? head.receivedCount : countBefore(next));
  }
  const range = messageRange(base, 0, seq + 1, 1);
  const cells = loaded.cells(range, base.touchedVersion);
  if (cells === undefined) return need(range);
  const [cell] = cells;
  // Nothing that this batch adds counts here: what it received lies above all that is stored.
  return done(cell === undefined ? 0 : messageOf(cell).receivedCount);
}
