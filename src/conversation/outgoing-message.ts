import type { SendMessageParams } from '../protocol/calls.ts';
import { epochMsOf } from '../protocol/message-id.ts';
import type { MediaRef } from '../protocol/message.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { hash53 } from '../std/hash.ts';

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

function fingerprintOf({ text, mediaRef, replyTo }: SendMessageParams): number {
  if (mediaRef === undefined && replyTo === undefined) return hash53(text);
  return hash53(JSON.stringify([text, mediaRef?.ref, mediaRef?.type, mediaRef?.size, replyTo]));
}

export function outgoing(params: SendMessageParams): OutgoingMessage {
  const { messageId, text, mediaRef, replyTo, after } = params;
  return {
    messageId,
    text,
    fingerprint: fingerprintOf(params),
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(after !== undefined && { after }),
  };
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
