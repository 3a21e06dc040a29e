import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';

/** A message that the recipient's row has, on its way to the sender's own copy. */
export interface CopiedMessage {
  readonly messageId: string;
  readonly seq: number;
  readonly timestamp: number;
  readonly text: string;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
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
      /** The sender's copies are durable up to this seq. */
      readonly confirmed: number;
      readonly messages: readonly OutgoingMessage[];
    }
  | {
      /** Recipient to sender: these of your messages are here; `previousSeq` is the one before the first. */
      readonly kind: 'copy';
      readonly conversationId: string;
      readonly from: string;
      readonly fromName: string;
      readonly previousSeq: number;
      readonly messages: readonly CopiedMessage[];
    }
  | {
      /** Sender to recipient: which of my messages above `above` do you have? */
      readonly kind: 'missing';
      readonly conversationId: string;
      readonly from: string;
      readonly above: number;
      readonly limit: number;
    }
  | {
      /** Sender to recipient: my copies are durable up to this seq. */
      readonly kind: 'confirm';
      readonly conversationId: string;
      readonly from: string;
      readonly confirmed: number;
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

/** `gap`: messages between `copiedThrough` and the envelope's `previousSeq` are missing; nothing was done. */
export interface CopyReply {
  readonly kind: 'copied' | 'gap';
  readonly copiedThrough: number;
}

export interface MissingReply {
  readonly kind: 'missing';
  readonly name: string;
  readonly previousSeq: number;
  readonly messages: readonly CopiedMessage[];
}

export type EnvelopeReply = DeliverReply | CopyReply | MissingReply | { readonly kind: 'noted' };
