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
  return record.kind === 'call' ? record.startMs : record.atMs;
}

function lineOf(record: HistoryRecord): string {
  const { userId, deviceId, connection } = record;
  const who = `${userId}/${deviceId}#${connection}`;
  if (record.kind !== 'call') {
    const heard = record.kind === 'push' ? record.change : record.note;
    return cut(`${record.atMs.toFixed(1)} ${who} heard ${JSON.stringify(heard)}`);
  }
  const { method, params, startMs, endMs, outcome } = record;
  const until = endMs === Infinity ? 'never' : endMs.toFixed(1);
  const answer = outcome.kind === 'ok' ? JSON.stringify(outcome.result) : JSON.stringify(outcome);
  return cut(`${startMs.toFixed(1)}-${until} ${who} ${method} ${JSON.stringify(params)} -> ${answer}`);
}

function cut(line: string): string {
  return line.length <= recordCharsMax ? line : `${line.slice(0, recordCharsMax)}…`;
}
