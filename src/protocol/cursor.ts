/**
 * A position in one user's change feed: after entry `index` of the commit with this version number; `index` undefined:
 * after all of that commit. Where the entry stands for a range of a group's messages, `seq` tells that the position is
 * after that one of them; undefined: after all of the entry. Opaque to clients.
 */
export interface FeedPosition {
  readonly version: number;
  readonly index: number | undefined;
  readonly seq?: number;
  readonly ahead: Ahead;
}

/**
 * Messages of large groups that are behind the position though no commit of the mailbox names them yet: by the number
 * of the conversation within the row, the last seq. Wherever the log names them later they are passed over.
 */
export type Ahead = ReadonlyMap<number, number>;

const none: Ahead = new Map();
/** Groups in one cursor: it has to fit wherever clients put it. */
export const aheadGroupsMax = 6;

const pattern =
  /^([0-9a-z]{1,11})(?:\.([0-9a-z]{1,5})(?:\.([0-9a-z]{1,11}))?)?((?:~[0-9a-z]{1,7}\.[0-9a-z]{1,11}){0,6})$/;

/** undefined where the text was never a cursor. */
export function parseCursor(cursor: string): FeedPosition | undefined {
  const match = pattern.exec(cursor);
  if (match?.[1] === undefined) return undefined;
  const version = parseInt(match[1], 36);
  const ahead = aheadOf(match[4] ?? '');
  if (!Number.isSafeInteger(version)) return undefined;
  if (match[2] === undefined) return { version, index: undefined, ahead };
  const index = parseInt(match[2], 36);
  if (match[3] === undefined) return { version, index, ahead };
  const seq = parseInt(match[3], 36);
  return Number.isSafeInteger(seq) ? { version, index, seq, ahead } : undefined;
}

function aheadOf(text: string): Ahead {
  if (text === '') return none;
  const ahead = new Map<number, number>();
  for (const part of text.slice(1).split('~')) {
    const [local = '', seq = ''] = part.split('.');
    ahead.set(parseInt(local, 36), parseInt(seq, 36));
  }
  return ahead;
}

export function formatCursor(version: number, index?: number, seq?: number, ahead: Ahead = none): string {
  let position = version.toString(36);
  if (index !== undefined) position += `.${index.toString(36)}`;
  if (seq !== undefined) position += `.${seq.toString(36)}`;
  return position + formatAhead(ahead);
}

/** The end of a cursor. In one order, so that the same position is always the same text. */
export function formatAhead(ahead: Ahead): string {
  let text = '';
  const inOrder = ahead.size < 2 ? ahead : [...ahead].sort(([a], [b]) => a - b);
  for (const [local, last] of inOrder) text += `~${local.toString(36)}.${last.toString(36)}`;
  return text;
}
