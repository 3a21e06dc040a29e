import type { MediaRef } from '../protocol/message.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { hash53 } from '../std/hash.ts';

/** An edit or a deletion on its way to the recipient of the message, whose commit decides. */
export interface OutgoingOperation {
  readonly kind: 'edit' | 'delete';
  readonly seq: number;
  /** Empty in a deletion. */
  readonly text: string;
  /** Of the operation, not of the message. */
  readonly messageId: string;
}

/**
 * What a message has become, on its way to its author's own copy. `op`: numbered by the recipient's row, from 1; one
 * that a later one of the same message has overtaken is not there any more.
 */
export interface CopiedOperation {
  readonly op: number;
  readonly seq: number;
  readonly text: string;
  readonly editedAt?: number;
  /** Text and mediaRef are gone. */
  readonly deletedAt?: number;
}

/** Ids of operations have a scope of their own. */
export function dedupIdOf({ messageId }: OutgoingOperation): string {
  return `${messageId}/op`;
}

export function fingerprintOf({ kind, seq, text }: OutgoingOperation): number {
  return hash53(JSON.stringify([kind, seq, text]));
}

/** What an operation changes of a message, whatever else there is of it. */
interface Changeable {
  readonly text: string;
  readonly mediaRef?: MediaRef;
  readonly editedAt?: number;
  readonly deletedAt?: number;
}

export const noSuchMessage = refusal('not_found', 'no such message');
export const notTheAuthor = refusal('forbidden', 'only the author may change a message');

/** Why a message can't become what an edit makes of it; what is deleted goes, whatever it is. */
export function refuseEdit(message: Changeable, { kind, text }: OutgoingOperation): Refusal | undefined {
  if (kind === 'delete') return undefined;
  if (message.deletedAt !== undefined) return noSuchMessage;
  if (text !== '' || message.mediaRef !== undefined) return undefined;
  return refusal('invalid_params', 'text must not be empty', { path: 'text' });
}

/** What an operation makes of a message. A deletion leaves its place, and what it answered; it counts as before. */
export function operated<Kept extends Changeable>(
  message: Kept,
  operation: Pick<CopiedOperation, 'text' | 'editedAt' | 'deletedAt'>,
): Kept {
  const { text, editedAt, deletedAt } = operation;
  // Changes that were overtaken are not copied: what they were must not be left in one of the copies.
  const { mediaRef, editedAt: _, ...rest } = message;
  if (deletedAt !== undefined) return { ...rest, text: '', deletedAt } as Kept;
  const kept = { ...rest, text, ...(mediaRef && { mediaRef }) } as Kept;
  return editedAt === undefined ? kept : { ...kept, editedAt };
}
