/**
 * A position in one user's change feed: after entry `index` of the commit with this version number; `index` undefined:
 * after all of that commit. Where the entry stands for a range of a group's messages, `seq` tells that the position is
 * after that one of them; undefined: after all of the entry. Opaque to clients.
 */
export interface FeedPosition {
  readonly version: number;
  readonly index: number | undefined;
  readonly seq?: number;
}

const pattern = /^([0-9a-z]{1,11})(?:\.([0-9a-z]{1,5})(?:\.([0-9a-z]{1,11}))?)?$/;

/** undefined where the text was never a cursor. */
export function parseCursor(cursor: string): FeedPosition | undefined {
  const match = pattern.exec(cursor);
  if (match?.[1] === undefined) return undefined;
  const version = parseInt(match[1], 36);
  if (!Number.isSafeInteger(version)) return undefined;
  if (match[2] === undefined) return { version, index: undefined };
  const index = parseInt(match[2], 36);
  if (match[3] === undefined) return { version, index };
  const seq = parseInt(match[3], 36);
  return Number.isSafeInteger(seq) ? { version, index, seq } : undefined;
}

export function formatCursor(version: number, index?: number, seq?: number): string {
  const parts = seq === undefined ? [version, index] : [version, index, seq];
  return parts.flatMap((part) => (part === undefined ? [] : [part.toString(36)])).join('.');
}
