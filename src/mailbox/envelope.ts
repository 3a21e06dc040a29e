import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { CopiedOperation, OutgoingOperation } from '../conversation/operation.ts';
import type { Standing } from './standing.ts';

/** A message that the recipient's row has, on its way to the sender's own copy. */
export interface CopiedMessage {
  readonly messageId: string;
  readonly seq: number;
  readonly timestamp: number;
  readonly text: string;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly editedAt?: number;
  readonly deletedAt?: number;
}

/** What one mailbox has for the other in a conversation, from a place on. */
export interface Owed {
  /** The seq before the first of `messages`. */
  readonly previousSeq: number;
  /** The other side's own messages. */
  readonly messages: readonly CopiedMessage[];
  /** The number before the first of `operations`; those in between that are not there were overtaken. */
  readonly previousOp: number;
  /** Changes of the other side's own messages. */
  readonly operations: readonly CopiedOperation[];
  /** How far this side's user has got and read. */
  readonly marks: Marks;
}

/** Seqs; 0: nothing yet. */
export interface Marks {
  readonly delivered: number;
  readonly read: number;
}

/** Actor to actor, between two mailboxes. All of it is plain data and idempotent. */
export type Envelope =
  | {
      /** Sender to recipient: commit these. */
      readonly kind: 'deliver';
      readonly conversationId: string;
      readonly from: string;
      readonly fromName: string;
      /** Greatest stamp that the sender's mailbox has seen in the conversation: new ones are above it (G3). */
      readonly floor: number;
      /** How far the sender has, durably, what the recipient owes it. */
      readonly confirmed: Standing;
      readonly messages: readonly OutgoingMessage[];
    }
  | {
      /** Author to recipient: change these messages of mine. */
      readonly kind: 'operate';
      readonly conversationId: string;
      readonly from: string;
      readonly operations: readonly OutgoingOperation[];
    }
  | {
      /** Recipient to sender: this is what I have for you. */
      readonly kind: 'copy';
      readonly conversationId: string;
      readonly from: string;
      readonly fromName: string;
      readonly owed: Owed;
    }
  | {
      /** Sender to recipient: which of my messages above `above`, and changes above `aboveOp`, do you have? */
      readonly kind: 'missing';
      readonly conversationId: string;
      readonly from: string;
      readonly above: number;
      readonly aboveOp: number;
      readonly limit: number;
    }
  | {
      /** Sender to recipient: so far I have, durably, what you owe me. */
      readonly kind: 'confirm';
      readonly conversationId: string;
      readonly from: string;
      readonly confirmed: Standing;
    };

export type Accepted = {
  readonly kind: 'accepted';
  readonly seq: number;
  readonly timestamp: number;
  readonly duplicate: boolean;
  /** The sender's message before this one in the recipient's row; 0 before the first. */
  readonly previousSeq: number;
};

export interface DeliverReply {
  readonly kind: 'delivered';
  /** The recipient's display name, for the sender's list. */
  readonly name: string;
  /** In the order of the envelope's messages. */
  readonly results: readonly (Accepted | Refusal)[];
}

/** `at`: when, epoch ms. `op` 0: it was done before, under this id or another. */
export interface Operated {
  readonly kind: 'operated';
  readonly at: number;
  readonly op: number;
  /** The change before this one in the recipient's row; 0 before the first. */
  readonly previousOp: number;
}

export interface OperateReply {
  readonly kind: 'operated';
  /** In the order of the envelope's operations. */
  readonly results: readonly (Operated | Refusal)[];
}

/** `gap`: messages or changes between what is here and the envelope's first are missing: none of them was taken. */
export interface CopyReply {
  readonly kind: 'copied' | 'gap';
  readonly confirmed: Standing;
}

export interface MissingReply {
  readonly kind: 'missing';
  readonly name: string;
  readonly owed: Owed;
}

export type EnvelopeReply =
  DeliverReply | OperateReply | CopyReply | MissingReply | { readonly kind: 'noted' };
