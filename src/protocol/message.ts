/** An opaque reference to something stored elsewhere. `size` in bytes. */
export interface MediaRef {
  readonly ref: string;
  readonly type: string;
  readonly size: number;
}

/** A message as clients see it. Times are epoch milliseconds; `timestamp` is when it was committed. */
export interface Message {
  readonly conversationId: string;
  readonly seq: number;
  readonly messageId: string;
  readonly from: string;
  readonly text: string;
  readonly timestamp: number;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly editedAt?: number;
  readonly deletedAt?: number;
}

/** A conversation as its member sees it in the list. */
export interface Conversation {
  readonly conversationId: string;
  readonly type: 'dm' | 'group';
  readonly name: string;
  readonly peer?: string;
  readonly lastSeq: number;
  readonly lastTimestamp: number;
  readonly updatedAt: number;
  readonly snippet: string;
  readonly lastFrom: string;
  readonly unread: number;
  readonly readSeq: number;
  readonly peerReadSeq?: number;
  readonly peerDeliveredSeq?: number;
}

/** One entry of a user's change feed; `cursor` is the position after it. */
export type Change =
  | {
      readonly cursor: string;
      /** The message is as it is when the change is read. */
      readonly kind: 'message' | 'edited' | 'deleted';
      readonly message: Message;
    }
  | {
      readonly cursor: string;
      readonly kind: 'read';
      readonly conversationId: string;
      readonly readSeq: number;
      readonly unread: number;
    }
  | {
      readonly cursor: string;
      readonly kind: 'contact';
      readonly userId: string;
      readonly removed?: true;
    }
  /** How far another member has got and read. */
  | {
      readonly cursor: string;
      readonly kind: 'receipt';
      readonly conversationId: string;
      readonly userId: string;
      readonly deliveredSeq: number;
      readonly readSeq: number;
    }
  /** As it was by then; `left`: the user is no member any more. */
  | {
      readonly cursor: string;
      readonly kind: 'conversation';
      readonly conversation: Conversation;
      readonly left?: true;
    };
