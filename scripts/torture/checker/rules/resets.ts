import type { History, HistoryRecord } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** So many changes are kept at least: far less than any node does. */
const keptMin = 256;

/** A feed that began anew: from which cursor on was asked for, and when. */
interface Reset {
  readonly userId: string;
  readonly since: string;
  readonly atMs: number;
  readonly record: HistoryRecord;
}

/** G8: `reset` is for cursors that are too old. After one nothing is known of that feed, so it must not be a way out. */
export function checkResets(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G8');
  const { history } = evidence;
  const resets = [...resetsOf(history)];
  if (resets.length === 0) return [];
  const given = givenAt(history);
  const pushes = Map.groupBy(history.pushes, ({ userId }) => userId);
  for (const { userId, since, atMs, record } of resets) {
    const sinceMs = given.get(`${userId} ${since}`) ?? -Infinity;
    const after = (pushes.get(userId) ?? []).filter((push) => push.atMs > sinceMs && push.atMs < atMs);
    const count = new Set(after.map(({ change }) => change.cursor)).size;
    if (count < keptMin)
      found.add(`${userId}'s feed began anew, only ${count} changes after the cursor`, [record]);
  }
  return found.violations;
}

function* resetsOf(history: History): Iterable<Reset> {
  for (const record of [...history.callsOf('getChanges'), ...history.callsOf('session.open')]) {
    const { userId, params, outcome, endMs: atMs } = record;
    if (outcome.kind === 'ok' && outcome.result.reset === true)
      yield { userId, since: params.since ?? '', atMs, record };
  }
  for (const record of history.notes) {
    const { userId, note, atMs } = record;
    if (note.method === 'reset') yield { userId, since: note.since, atMs, record };
  }
}

/** When each cursor was first given to its user. */
function givenAt(history: History): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  const add = (userId: string, cursor: string, atMs: number): void => {
    const key = `${userId} ${cursor}`;
    given.set(key, Math.min(atMs, given.get(key) ?? Infinity));
  };
  for (const { userId, change, atMs } of history.pushes) add(userId, change.cursor, atMs);
  for (const { userId, outcome, endMs } of [
    ...history.callsOf('getChanges'),
    ...history.callsOf('session.open'),
  ]) {
    if (outcome.kind !== 'ok') continue;
    add(userId, outcome.result.cursor, endMs);
    const changes = 'changes' in outcome.result ? outcome.result.changes : [];
    for (const { cursor } of changes) add(userId, cursor, endMs);
  }
  return given;
}
