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
