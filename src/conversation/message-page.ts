import type { MediaRef } from '../protocol/message.ts';

/** Bytes of messages that go to a client or to another node at once, estimated. */
const pageBytesMax = 1_048_576;
const messageOverheadBytes = 200;
/** So many for one UTF-16 unit, where JSON escapes it. */
const jsonEscapeBytes = 6;
const shortTextBytes = 1_024;

interface Sized {
  readonly messageId: string;
  readonly text: string;
  readonly mediaRef?: MediaRef;
}

/** The first of them, as long as they fit into one page; at least one. */
export function fitting<Message extends Sized>(messages: readonly Message[]): readonly Message[] {
  let bytes = 0;
  const end = messages.findIndex(({ messageId, text, mediaRef }, index) => {
    bytes += messageOverheadBytes + messageId.length + textBytes(text) + (mediaRef?.ref.length ?? 0);
    return bytes > pageBytesMax && index > 0;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

/** Bytes that a text takes in JSON, which is the longest of what it is sent as; at most, where it is short. */
function textBytes(text: string): number {
  const most = jsonEscapeBytes * text.length;
  return most <= shortTextBytes ? most : Buffer.byteLength(JSON.stringify(text));
}
