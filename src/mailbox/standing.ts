import type { ConversationHead } from './mailbox-state.ts';

/**
 * Watermarks over all that one mailbox of a conversation owes the other: how much there is, or how far the other
 * side has it. They only rise, so whatever carries them may be lost, late or repeated.
 */
export interface Standing {
  /** Copies of the other side's own messages. */
  readonly seq: number;
  /** Marks: delivered and read up to these seqs. */
  readonly delivered: number;
  readonly read: number;
}

export const nothing: Standing = { seq: 0, delivered: 0, read: 0 };

/** All that a mailbox has for its peer. */
export function owedBy({ peerSeq, deliveredSeq, readSeq }: ConversationHead): Standing {
  return { seq: peerSeq, delivered: deliveredSeq, read: readSeq };
}

/** How far a mailbox has what its peer owes it. */
export function standingOf({ ownSeq, peerDeliveredSeq, peerReadSeq }: ConversationHead): Standing {
  return { seq: ownSeq, delivered: peerDeliveredSeq, read: peerReadSeq };
}

export function reaches(standing: Standing, owed: Standing): boolean {
  return standing.seq >= owed.seq && standing.delivered >= owed.delivered && standing.read >= owed.read;
}

export function furthest(a: Standing, b: Standing): Standing {
  if (reaches(a, b)) return a;
  return {
    seq: Math.max(a.seq, b.seq),
    delivered: Math.max(a.delivered, b.delivered),
    read: Math.max(a.read, b.read),
  };
}
