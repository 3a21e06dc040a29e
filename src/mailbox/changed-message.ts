import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import type { ConversationDraft } from './mailbox-draft.ts';
import { messageAt, type ConversationState, type StoredMessage } from './mailbox-state.ts';

/** The message with this seq, from memory or the store. */
export function findMessage(
  conversation: ConversationState,
  seq: number,
  loaded: LoadedRanges,
): Step<StoredMessage | undefined> {
  if (seq > conversation.head.lastSeq) return done(undefined);
  if (seq > conversation.runAbove) return done(messageAt(conversation, seq));
  const range = messageRange(conversation, seq - 1, seq + 1, 1);
  const [cell] = loaded.cells(range, conversation.touchedVersion) ?? [null];
  if (cell === null) return need(range);
  return done(cell && messageOf(cell));
}

/** The same as the commit in preparation will leave it. */
export function findInDraft(
  { base, added, changed }: ConversationDraft,
  seq: number,
  loaded: LoadedRanges,
): Step<StoredMessage | undefined> {
  const message = changed.get(seq) ?? added.find((other) => other.seq === seq);
  if (message !== undefined || base === undefined) return done(message);
  return findMessage(base, seq, loaded);
}
