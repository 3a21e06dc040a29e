/**
 * Watermarks over all that one mailbox of a conversation owes the other: how much there is, or how far the other
 * side has it. They only rise, so whatever carries them may be lost, late or repeated.
 */
export interface Standing {
  /** Copies of the other side's own messages. */
  readonly seq: number;
  /** Edits and deletions of the other side's own messages, by their numbers. */
  readonly op: number;
  /** Marks: delivered and read up to these seqs. */
  readonly delivered: number;
  readonly read: number;
}

export const nothing: Standing = { seq: 0, op: 0, delivered: 0, read: 0 };

/** The watermarks of one side of a conversation. */
interface Side {
  readonly peerSeq: number;
  readonly peerOp: number;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  readonly ownSeq: number;
  readonly ownOp: number;
  readonly peerDeliveredSeq: number;
  readonly peerReadSeq: number;
  readonly isBlocked: boolean;
}

/** All that a mailbox has for its peer. Whom the user has blocked is not told of marks, until the block ends. */
export function owedBy({ peerSeq, peerOp, deliveredSeq, readSeq, isBlocked }: Side): Standing {
  if (isBlocked) return { seq: peerSeq, op: peerOp, delivered: 0, read: 0 };
  return { seq: peerSeq, op: peerOp, delivered: deliveredSeq, read: readSeq };
}

/** How far a mailbox has what its peer owes it. */
export function standingOf({ ownSeq, ownOp, peerDeliveredSeq, peerReadSeq }: Side): Standing {
  return { seq: ownSeq, op: ownOp, delivered: peerDeliveredSeq, read: peerReadSeq };
}

export function reaches(standing: Standing, owed: Standing): boolean {
  return (
    standing.seq >= owed.seq &&
    standing.op >= owed.op &&
    standing.delivered >= owed.delivered &&
    standing.read >= owed.read
  );
}

export function furthest(a: Standing, b: Standing): Standing {
  if (reaches(a, b)) return a;
  return {
    seq: Math.max(a.seq, b.seq),
    op: Math.max(a.op, b.op),
    delivered: Math.max(a.delivered, b.delivered),
    read: Math.max(a.read, b.read),
  };
}
