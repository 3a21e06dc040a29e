import type { OutgoingOperation } from '../conversation/operation.ts';
import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type { GroupHistory, GroupRole } from '../protocol/calls.ts';
import type { Refusal } from '../protocol/protocol-error.ts';

/** How far a user has got and read, as its mailbox tells the group. */
export interface ToldMarks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** Users who are not to be told. */
  readonly hiddenFrom: readonly string[];
}

/** What changes a group. Every input is idempotent against a state that was loaded anew. `from`: who asks. */
export type GroupInput =
  | {
      readonly kind: 'create';
      readonly from: string;
      readonly requestId: string;
      readonly name: string;
      readonly history: GroupHistory;
      /** All of them exist; the creator may be among them. */
      readonly members: readonly string[];
    }
  | { readonly kind: 'send'; readonly from: string; readonly message: OutgoingMessage }
  | { readonly kind: 'operate'; readonly from: string; readonly operation: OutgoingOperation }
  | ({ readonly kind: 'marks'; readonly from: string } & ToldMarks)
  /** All of them exist. */
  | { readonly kind: 'add'; readonly from: string; readonly members: readonly string[] }
  | { readonly kind: 'remove'; readonly from: string; readonly members: readonly string[] }
  | { readonly kind: 'leave'; readonly from: string }
  | { readonly kind: 'rename'; readonly from: string; readonly name: string }
  | { readonly kind: 'setRole'; readonly from: string; readonly userId: string; readonly role: GroupRole }
  /** Clears the outbox cells of what mailboxes have confirmed. */
  | { readonly kind: 'settle' }
  /** Commits the row though nothing in it changes: from then on it is this node's. */
  | { readonly kind: 'claim' };

export type GroupResult =
  | { readonly kind: 'sent'; readonly seq: number; readonly timestamp: number; readonly duplicate: boolean }
  /** When, epoch ms. */
  | { readonly kind: 'operated'; readonly at: number }
  /** `affected`: whose mailboxes have to hear of it before it is true for them. */
  | { readonly kind: 'members'; readonly members: number; readonly affected: readonly string[] }
  | { readonly kind: 'done' }
  | Refusal;
