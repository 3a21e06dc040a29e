import type { Static } from 'typebox';
import { mediaRefBytesMax } from '../protocol/call-schemas.ts';
import type { sendMessageParams } from '../protocol/call-schemas.ts';
import type { DeleteMessageParams as ChangeParams, SendMessageParams } from '../protocol/calls.ts';
import { dmIdOf, isGroupId, peerInDm } from '../protocol/conversation-id.ts';
import { epochMsOf } from '../protocol/message-id.ts';
import type { MediaRef } from '../protocol/message.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { Caller } from './call-table.ts';

export interface MessageLimits {
  readonly textBytesMax: number;
  /** How far ahead of the clock a messageId may be, ms. */
  readonly aheadMs: number;
}

type WireParams = Static<typeof sendMessageParams>;
const invalid = (path: string, problem: string): Refusal =>
  refusal('invalid_params', `${path} ${problem}`, { path });

/**
 * What a client asks to be sent, as the mailbox takes it. Checks all that can be told without the mailbox; whether
 * the messageId is too old is the mailbox's to say, since a repeat is recognised first.
 */
export function outgoingMessage(
  caller: Caller,
  wire: WireParams,
  limits: MessageLimits,
  wallMs: number,
): SendMessageParams | Refusal {
  const conversationId = targetOf(caller, wire);
  if (typeof conversationId !== 'string') return conversationId;
  const wrongId = checkMessageId(caller, wire.messageId, wallMs + limits.aheadMs);
  if (wrongId !== undefined) return wrongId;
  const wrongContent = checkContent(wire, limits);
  if (wrongContent !== undefined) return wrongContent;
  const { messageId, mediaRef, replyTo, after } = wire;
  const text = wellFormed(wire.text);
  if (mediaRef === undefined && replyTo === undefined && after === undefined) {
    return { conversationId, text, messageId };
  }
  if (after !== undefined && !after.startsWith(`.${caller.userId}.`, after.indexOf('.'))) {
    return invalid('after', 'must be the id of a message of your own');
  }
  return {
    conversationId,
    text,
    messageId,
    ...(mediaRef !== undefined && { mediaRef: mediaRefOf(mediaRef) }),
    ...(replyTo !== undefined && { replyTo }),
    ...(after !== undefined && { after }),
  };
}

function targetOf(caller: Caller, { to, conversationId }: WireParams): string | Refusal {
  if ((to === undefined) === (conversationId === undefined)) {
    return invalid('to', 'or conversationId must be given, and not both');
  }
  if (to === caller.userId) return invalid('to', 'must be another user');
  if (to !== undefined) return dmIdOf(caller.userId, to);
  return ownConversation(caller, conversationId ?? '');
}

/** The id, where it is that of a conversation which the caller can be in; a group says so itself. */
export function ownConversation(caller: Caller, conversationId: string): string | Refusal {
  const mayBe = isGroupId(conversationId) || peerInDm(conversationId, caller.userId) !== undefined;
  return mayBe ? conversationId : refusal('not_found', 'no such conversation');
}

/** An edit, but for its text, or a deletion, as the mailbox takes it. */
export function outgoingChange(
  caller: Caller,
  wire: ChangeParams,
  limits: MessageLimits,
  wallMs: number,
): ChangeParams | Refusal {
  const conversationId = ownConversation(caller, wire.conversationId);
  if (typeof conversationId !== 'string') return conversationId;
  const wrongId = checkMessageId(caller, wire.messageId, wallMs + limits.aheadMs);
  if (wrongId !== undefined) return wrongId;
  const { seq, messageId } = wire;
  return { conversationId, seq, messageId };
}

/** The text of an edit, checked. Whether it may be empty depends on the message. */
export function editedText(text: string, limits: MessageLimits): { text: string } | Refusal {
  return checkTextSize(text, limits) ?? { text: wellFormed(text) };
}

/** Its form was checked by the schema: time, sender and device are in their places. */
function checkMessageId(caller: Caller, messageId: string, latestMs: number): Refusal | undefined {
  const senderAt = messageId.indexOf('.') + 1;
  const deviceAt = senderAt + caller.userId.length + 1;
  const end = deviceAt + caller.deviceId.length;
  if (!messageId.startsWith(caller.userId, senderAt) || messageId[deviceAt - 1] !== '.') {
    return invalid('messageId', 'must carry the user of this session');
  }
  if (!messageId.startsWith(caller.deviceId, deviceAt) || (messageId[end] ?? '.') !== '.') {
    return invalid('messageId', 'must carry the device of this session');
  }
  if (epochMsOf(messageId) > latestMs) return invalid('messageId', 'is of the future');
  return undefined;
}

function checkContent({ text, mediaRef }: WireParams, limits: MessageLimits): Refusal | undefined {
  if (text === '' && mediaRef === undefined) {
    return invalid('text', 'must not be empty where there is no mediaRef');
  }
  const tooLarge = checkTextSize(text, limits);
  if (tooLarge !== undefined) return tooLarge;
  if (mediaRef !== undefined && isLonger(mediaRef.ref, mediaRefBytesMax)) {
    return refusal('too_large', `mediaRef.ref has more than ${mediaRefBytesMax} bytes`, {
      path: 'mediaRef.ref',
    });
  }
  return undefined;
}

function checkTextSize(text: string, { textBytesMax }: MessageLimits): Refusal | undefined {
  if (!isLonger(text, textBytesMax)) return undefined;
  return refusal('too_large', `text has more than ${textBytesMax} bytes`, { path: 'text' });
}

function isLonger(text: string, bytesMax: number): boolean {
  // A UTF-16 unit takes at most 3 bytes: most texts need no counting.
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

/**
 * Half a surrogate pair (an emoji cut in two) has no UTF-8: kept, it would be one thing in memory and another after
 * the store. It becomes U+FFFD here, before anybody sees it, so that all devices get the same text.
 */
export function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

function mediaRefOf({ ref, type, size }: MediaRef): MediaRef {
  return { ref: wellFormed(ref), type: wellFormed(type), size };
}
