/**
 * Watermarks over all that a group tells its members: how much there is, or how far mailboxes have it. They only rise,
 * so whatever carries them may be lost, late or repeated.
 */
export interface FanOutMark {
  /** The last message. */
  readonly seq: number;
  /** The last coming, going or renaming. */
  readonly event: number;
  /** The last edit or deletion. */
  readonly op: number;
}

export const nothingTold: FanOutMark = { seq: 0, event: 0, op: 0 };

export const everything: FanOutMark = {
  seq: Number.MAX_SAFE_INTEGER,
  event: Number.MAX_SAFE_INTEGER,
  op: Number.MAX_SAFE_INTEGER,
};

/** All that a group has. */
export function markOfGroup({
  lastSeq,
  event,
  op,
}: Omit<FanOutMark, 'seq'> & { lastSeq: number }): FanOutMark {
  return { seq: lastSeq, event, op };
}

export function reachesMark(mark: FanOutMark, other: FanOutMark): boolean {
  return mark.seq >= other.seq && mark.event >= other.event && mark.op >= other.op;
}

export function furthestMark(a: FanOutMark, b: FanOutMark): FanOutMark {
  if (reachesMark(a, b)) return a;
  return { seq: Math.max(a.seq, b.seq), event: Math.max(a.event, b.event), op: Math.max(a.op, b.op) };
}

/** What all of them have; of none of them everything. */
export function leastMark(marks: readonly FanOutMark[]): FanOutMark {
  return marks.reduce(
    (least, { seq, event, op }) => ({
      seq: Math.min(least.seq, seq),
      event: Math.min(least.event, event),
      op: Math.min(least.op, op),
    }),
    everything,
  );
}
