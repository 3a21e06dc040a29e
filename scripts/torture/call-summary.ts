import type { History } from './history.ts';

/** How calls of each method ended, in one line. */
export function summariseCalls(history: History): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { method, outcome } of history.allCalls()) {
    const ends = counts.get(method) ?? new Map<string, number>();
    counts.set(method, ends);
    const end = outcome.kind === 'error' ? outcome.error : outcome.kind;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  const textOf = (ends: ReadonlyMap<string, number>): string =>
    [...ends].map(([end, count]) => `${end} ${count}`).join(', ');
  return [...counts].map(([method, ends]) => `${method}: ${textOf(ends)}`).join('; ');
}
