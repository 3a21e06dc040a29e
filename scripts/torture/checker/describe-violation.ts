import type { HistoryRecord } from '../history.ts';
import type { Violation } from './violation.ts';

const recordsShownMax = 20;
const recordCharsMax = 400;

/** A violation in words, with the smallest part of the history that shows it, in the order of time. */
export function describeViolation({ rule, what, records }: Violation): string {
  const lines = records
    .toSorted((a, b) => timeOf(a) - timeOf(b))
    .slice(0, recordsShownMax)
    .map((record) => `    ${lineOf(record)}`);
  const more = records.length - recordsShownMax;
  if (more > 0) lines.push(`    and ${more} more like these`);
  return [`VIOLATION ${rule}: ${what}`, ...lines].join('\n');
}

function timeOf(record: HistoryRecord): number {
  return record.kind === 'push' ? record.atMs : record.startMs;
}

function lineOf(record: HistoryRecord): string {
  const { userId, deviceId, connection } = record;
  const who = `${userId}/${deviceId}#${connection}`;
  if (record.kind === 'push')
    return cut(`${record.atMs.toFixed(1)} ${who} heard ${JSON.stringify(record.change)}`);
  const { method, params, startMs, endMs, outcome } = record;
  const until = endMs === Infinity ? 'never' : endMs.toFixed(1);
  const answer = outcome.kind === 'ok' ? JSON.stringify(outcome.result) : JSON.stringify(outcome);
  return cut(`${startMs.toFixed(1)}-${until} ${who} ${method} ${JSON.stringify(params)} -> ${answer}`);
}

function cut(line: string): string {
  return line.length <= recordCharsMax ? line : `${line.slice(0, recordCharsMax)}…`;
}
