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
