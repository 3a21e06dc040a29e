import type { MediaRef } from '../protocol/message.ts';

/**
 * Bytes of messages that go to a client at once, estimated: as many of the longest texts as a page may have, unless they are in scripts or
 * signs of which one takes several bytes.
 */
const pageBytesMax = 2_097_152;
/** The same of what one node tells another at once. */
const toldBytesMax = 1_048_576;
const messageOverheadBytes = 200;
/** So many for one UTF-16 unit, where JSON escapes it. */
const jsonEscapeBytes = 6;
const shortTextBytes = 1_024;

interface Sized {
  readonly messageId: string;
  readonly text: string;
  readonly mediaRef?: MediaRef;
}

/** The first of them, as many as fit into one page; at least one. */
export function fittingPage<Message extends Sized>(messages: readonly Message[]): readonly Message[] {
  return fitting(messages, pageBytesMax);
}

/** The first of them, as many as one node tells another at once; at least one. */
export function fittingNews<Message extends Sized>(messages: readonly Message[]): readonly Message[] {
  return fitting(messages, toldBytesMax);
}

function fitting<Message extends Sized>(messages: readonly Message[], bytesMax: number): readonly Message[] {
  let bytes = 0;
  const end = messages.findIndex(({ messageId, text, mediaRef }, index) => {
    bytes += messageOverheadBytes + messageId.length + textBytes(text) + (mediaRef?.ref.length ?? 0);
    return bytes > bytesMax && index > 0;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

/** Bytes that a text takes in JSON, which is the longest of what it is sent as; at most, where it is short. */
function textBytes(text: string): number {
  const most = jsonEscapeBytes * text.length;
  return most <= shortTextBytes ? most : Buffer.byteLength(JSON.stringify(text));
}
