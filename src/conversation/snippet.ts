import type { MediaRef } from '../protocol/message.ts';

const snippetCharsMax = 100;

/** The first words of a message for the list; the media type in brackets where there is no text. */
export function snippetOf(text: string, mediaRef: MediaRef | undefined): string {
  if (text === '' && mediaRef !== undefined) return `[${mediaRef.type}]`;
  if (text.length <= snippetCharsMax) return text;
  const cut = text.slice(0, snippetCharsMax - 1);
  // Not through the middle of a surrogate pair.
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
