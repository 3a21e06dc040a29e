import { decodeValue, encodeValue } from '../conversation/cell-value.ts';
import type { Cell } from '../row/cell.ts';

/** Somebody whom the mailbox's user knows, or wants to hear nothing of. */
export interface Person {
  readonly userId: string;
  /** As it was when this was written; a conversation with them has the present one. */
  readonly name: string;
  readonly isContact: boolean;
  readonly isBlocked: boolean;
}

/** Contacts and blocked users of one mailbox. */
export const peopleMax = 5_000;
/** Memory taken by one. */
export const personBytes = 200;

const prefix = 'u'.charCodeAt(0);

type PersonFields = [name: string, isContact: 0 | 1, isBlocked: 0 | 1];

/** `h` `u`|userId; empty where nothing is to be known of them any more */
export function personCell({ userId, name, isContact, isBlocked }: Person): Cell {
  const qualifier = Buffer.from(`u${userId}`);
  if (!isContact && !isBlocked) return { family: 'h', qualifier, value: Buffer.alloc(0) };
  const fields: PersonFields = [name, isContact ? 1 : 0, isBlocked ? 1 : 0];
  return { family: 'h', qualifier, value: encodeValue(fields) };
}

export function isPersonCell({ qualifier }: Cell): boolean {
  return qualifier[0] === prefix;
}

export function personOf(cell: Cell): Person {
  const [name, isContact, isBlocked] = decodeValue(cell) as PersonFields;
  const userId = cell.qualifier.toString('utf8', 1);
  return { userId, name, isContact: isContact === 1, isBlocked: isBlocked === 1 };
}
