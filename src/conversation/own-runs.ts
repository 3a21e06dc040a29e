/**
 * Seqs of own messages in a group, ascending, run by run: first seq and how many, first seq and how many, …
 * Own messages are what `unread` does not count (G9).
 */
export type OwnRuns = readonly number[];

/** With one more seq; those at or below the last one are there already. */
export function withOwn(runs: OwnRuns, seq: number): OwnRuns {
  const [first, count] = runs.slice(-2);
  if (first === undefined || count === undefined) return [seq, 1];
  if (seq < first + count) return runs;
  if (seq === first + count) return [...runs.slice(0, -1), count + 1];
  return [...runs, seq, 1];
}

/** Without those at or below `seq`. */
export function ownAbove(runs: OwnRuns, seq: number): OwnRuns {
  const left: number[] = [];
  forEachAbove(runs, seq, (first, count) => left.push(first, count));
  return left;
}

/** Without those above `seq`. */
export function ownUpTo(runs: OwnRuns, seq: number): OwnRuns {
  const left: number[] = [];
  forEachAbove(runs, 0, (first, count) => {
    const present = Math.min(count, seq - first + 1);
    if (present > 0) left.push(first, present);
  });
  return left;
}

/** With those of `more` that lie above all of `runs`. */
export function joinOwn(runs: OwnRuns, more: OwnRuns): OwnRuns {
  const [first = 0, count = 0] = runs.slice(-2);
  const last = first + count - 1;
  const above = ownAbove(more, last);
  if (above.length === 0) return runs;
  if (runs.length === 0 || above[0] !== last + 1) return [...runs, ...above];
  return [...runs.slice(0, -1), count + (above[1] ?? 0), ...above.slice(2)];
}

export function countOwnAbove(runs: OwnRuns, seq: number): number {
  let total = 0;
  forEachAbove(runs, seq, (_first, count) => {
    total += count;
  });
  return total;
}

function forEachAbove(runs: OwnRuns, seq: number, take: (first: number, count: number) => void): void {
  for (let at = 0; at + 1 < runs.length; at += 2) {
    const first = Math.max(runs[at] ?? 0, seq + 1);
    const count = (runs[at] ?? 0) + (runs[at + 1] ?? 0) - first;
    if (count > 0) take(first, count);
  }
}
