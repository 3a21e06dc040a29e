import { isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import type { SendMessageResult } from '../protocol/calls.ts';
import { errorObjectOf } from '../protocol/error-object.ts';
import type { RequestId } from '../protocol/json-rpc.ts';
import { namesGroup } from '../protocol/conversation-id.ts';
import type { Change, Message } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { Payload } from '../session/device-connection.ts';
import { unanswerable, unparsable } from './frame-encoding.ts';
import type { FrameEncoding } from './frame-encoding.ts';
import { textFrame } from './websocket-frame.ts';

/** Subprotocol `mailring.v1.json`: a JSON-RPC object in a text frame. */
export const jsonEncoding: FrameEncoding = {
  subprotocol: 'mailring.v1.json',
  frameKind: textFrame,

  decode(frame, isBinary) {
    if (isBinary || !isUtf8(frame)) return unanswerable;
    return parseJson(frame);
  },

  result(id, method, result) {
    return `{"jsonrpc":"2.0","id":${idText(id)},"result":${resultText(method, result)}}`;
  },

  error(id: RequestId, refusal: Refusal): string {
    return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify(errorObjectOf(refusal))}}`;
  },

  push(method: string, params: object): string {
    return `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`;
  },

  batch(replies: readonly Payload[]): string {
    return `[${replies.join(',')}]`;
  },

  change(change: Change): string {
    if ('message' in change && namesGroup(change.message.conversationId)) return groupMessagePush(change);
    return `{"jsonrpc":"2.0","method":"change","params":${JSON.stringify(change)}}`;
  },
};

/** The value in UTF-8 text, or `unparsable`. */
export function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return unparsable;
    throw error;
  }
}

/** Texts of messages that were pushed to a member of their group: others get the same object, with another cursor. */
const messageTexts = new LRUCache<Message, string>({ max: 256 });

function groupMessagePush({ cursor, kind, message }: Extract<Change, { message: Message }>): string {
  let text = messageTexts.get(message);
  if (text === undefined) {
    text = JSON.stringify(message);
    messageTexts.set(message, text);
  }
  return `{"jsonrpc":"2.0","method":"change","params":{"cursor":"${cursor}","kind":"${kind}","message":${text}}}`;
}

function idText(id: RequestId): string {
  return typeof id === 'string' ? JSON.stringify(id) : String(id);
}

function resultText(method: string, result: object): string {
  if (method !== 'sendMessage') return JSON.stringify(result);
  // The reply of the hot path, put together by hand: its two texts are ids, which need no escapes.
  const { conversationId, messageId, seq, timestamp, duplicate } = result as SendMessageResult;
  return (
    `{"conversationId":"${conversationId}","messageId":"${messageId}",` +
    `"seq":${seq},"timestamp":${timestamp},"duplicate":${duplicate}}`
  );
}
