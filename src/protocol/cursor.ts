/**
 * A position in one user's change feed: after entry `index` of the commit with this version number;
 * `index` undefined: after all of that commit. Opaque to clients.
 */
export interface FeedPosition {
  readonly version: number;
  readonly index: number | undefined;
}

const pattern = /^([0-9a-z]{1,11})(?:\.([0-9a-z]{1,5}))?$/;

/** undefined where the text was never a cursor. */
export function parseCursor(cursor: string): FeedPosition | undefined {
  const match = pattern.exec(cursor);
  if (match?.[1] === undefined) return undefined;
  const version = parseInt(match[1], 36);
  if (!Number.isSafeInteger(version)) return undefined;
  return { version, index: match[2] === undefined ? undefined : parseInt(match[2], 36) };
}

export function formatCursor(version: number, index?: number): string {
  return index === undefined ? version.toString(36) : `${version.toString(36)}.${index.toString(36)}`;
}
