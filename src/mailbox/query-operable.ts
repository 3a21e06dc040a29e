import { noSuchMessage, notTheAuthor } from '../conversation/operation.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { findMessage } from './changed-message.ts';
import type { MailboxState, StoredMessage } from './mailbox-state.ts';

/**
 * May the user change these messages? Of those that are not there it is open, as long as own copies may be missing
 * here (`pending`).
 */
export interface Operable {
  readonly kind: 'operable';
  readonly found: readonly ('own' | 'pending' | Refusal)[];
}

function verdictOn(message: StoredMessage | undefined, isPending: boolean): Operable['found'][number] {
  if (message === undefined) return isPending ? 'pending' : noSuchMessage;
  return message.own ? 'own' : notTheAuthor;
}

export function queryOperable(
  state: MailboxState,
  { conversationId, seqs }: { readonly conversationId: string; readonly seqs: readonly number[] },
  loaded: LoadedRanges,
): Step<Operable | Refusal> {
  if (state.profile === undefined) {
    return done(refusal('unauthenticated', 'this user does not exist any more'));
  }
  const conversation = state.conversations.get(conversationId);
  if (conversation === undefined) return done({ kind: 'operable', found: seqs.map(() => 'pending') });
  const steps = seqs.map((seq) => findMessage(conversation, seq, loaded));
  const ranges = steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
  if (ranges.length > 0) return need(...ranges);
  const found = steps.map((step, index) =>
    verdictOn(step.kind === 'done' ? step.result : undefined, (seqs[index] ?? 0) > conversation.head.ownSeq),
  );
  return done({ kind: 'operable', found });
}
