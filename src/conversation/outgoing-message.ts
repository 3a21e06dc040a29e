import { epochMsOf } from '../protocol/message-id.ts';
import type { MediaRef } from '../protocol/message.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';

/** A message on its way to the row that will hold it: everything but what the commit there assigns. */
export interface OutgoingMessage {
  readonly messageId: string;
  readonly text: string;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  /** messageId of an own message that must be there already. */
  readonly after?: string;
  /** hash53 of the content. */
  readonly fingerprint: number;
}

/**
 * Why a message that is not known yet can't be taken: its id is too old to recognise a repeat (G2), or what it names
 * by `after` is not there (G3). `oldestMs`: the beginning of the window, epoch ms.
 */
export function refuseByIds(
  { messageId, after }: Pick<OutgoingMessage, 'messageId' | 'after'>,
  oldestMs: number,
  isKnown: (messageId: string) => boolean,
): Refusal | undefined {
  if (epochMsOf(messageId) < oldestMs) {
    return refusal('stale_message_id', 'messageId is older than the window in which a repeat is recognised');
  }
  if (after !== undefined && epochMsOf(after) >= oldestMs && !isKnown(after)) {
    return refusal('out_of_order', 'the message named by `after` is not there yet; send that one first');
  }
  return undefined;
}
