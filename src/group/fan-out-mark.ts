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
  /** The last receipt. */
  readonly receipt: number;
}

export const nothingTold: FanOutMark = { seq: 0, event: 0, op: 0, receipt: 0 };

export const everything: FanOutMark = {
  seq: Number.MAX_SAFE_INTEGER,
  event: Number.MAX_SAFE_INTEGER,
  op: Number.MAX_SAFE_INTEGER,
  receipt: Number.MAX_SAFE_INTEGER,
};

/** All that a group has. */
export function markOfGroup(group: Omit<FanOutMark, 'seq'> & { readonly lastSeq: number }): FanOutMark {
  const { lastSeq, event, op, receipt } = group;
  return { seq: lastSeq, event, op, receipt };
}

export function reachesMark(mark: FanOutMark, other: FanOutMark): boolean {
  return reachesNews(mark, other) && mark.receipt >= other.receipt;
}

/** The same of what is told at once: receipts may wait for each other. */
export function reachesNews(mark: FanOutMark, other: FanOutMark): boolean {
  return mark.seq >= other.seq && mark.event >= other.event && mark.op >= other.op;
}

export function furthestMark(a: FanOutMark, b: FanOutMark): FanOutMark {
  return reachesMark(a, b) ? a : each(Math.max, a, b);
}

/** What all of them have; of none of them everything. */
export function leastMark(marks: readonly FanOutMark[]): FanOutMark {
  return marks.reduce((least, mark) => each(Math.min, least, mark), everything);
}

function each(pick: (a: number, b: number) => number, a: FanOutMark, b: FanOutMark): FanOutMark {
  return {
    seq: pick(a.seq, b.seq),
    event: pick(a.event, b.event),
    op: pick(a.op, b.op),
    receipt: pick(a.receipt, b.receipt),
  };
}
