import type { Presence } from '../../client/protocol-shapes.ts';
import type { Attendance, HistoryRecord } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

interface Told {
  readonly watcher: string;
  readonly presence: Presence;
  readonly record: HistoryRecord;
}

/** What a block stops may still be under way for so long: nodes are paused, links silent. */
const echoMs = 60_000;

/**
 * Presence: strangers and who is blocked are never seen. When all had been well for a while, whoever watches knows who is
 * connected.
 */
export function checkPresence(evidence: Evidence): readonly Violation[] {
  const found = new Findings('presence');
  const { attendance } = evidence.history;
  for (const { watcher, presence, record } of everToldOnline(evidence)) {
    const { userId } = presence;
    if (evidence.circles.share(watcher, userId) === 'no')
      found.add(`${watcher} saw ${userId}, with whom there is no conversation`, [record]);
    // The answer to a call is of some moment between.
    const [fromMs, toMs] =
      record.kind === 'call' ? [record.startMs, record.endMs] : [record.atMs, record.atMs];
    const { blocks } = evidence;
    for (const [by, whom] of [
      [watcher, userId],
      [userId, watcher],
    ] as const) {
      if (blocks.during(by, whom, fromMs - echoMs, toMs) === 'on')
        found.add(`${watcher} saw ${userId}; ${by} had blocked ${whom}`, [
          blocks.causeOf(by, whom, fromMs - echoMs),
          record,
        ]);
    }
  }
  if (attendance === undefined) return found.violations;
  checkWatched(evidence, attendance, found);
  for (const { watcher, presence, record } of lastTold(evidence, attendance)) {
    const { userId, online } = presence;
    const expected = expectedOf(evidence, watcher, userId, attendance);
    if (expected !== undefined && expected !== online)
      found.add(`${watcher} was told last that ${userId} is ${online ? 'here' : 'away'}, who is not`, [
        record,
      ]);
  }
  return found.violations;
}

/** Who was there all the time could watch. */
function checkWatched({ history }: Evidence, attendance: Attendance, found: Findings): void {
  const { sinceMs, atMs, connections } = attendance;
  const asked = history.callsOf('watchPresence').filter(({ startMs }) => startMs >= sinceMs);
  const answered = asked.filter(({ outcome, endMs }) => outcome.kind === 'ok' && endMs <= atMs);
  const watching = new Set(answered.map(({ connection }) => connection));
  for (const { userId, connection, endMs } of history.callsOf('session.open')) {
    if (!connections.has(connection) || endMs >= sinceMs || watching.has(connection)) continue;
    found.add(
      `${userId} asked who is there, and was not told`,
      asked.filter((call) => call.connection === connection).slice(-3),
    );
  }
}

/** How many states had to be right, for who wants to know whether anything was looked at. */
export function watchedCount(evidence: Evidence): number {
  const { attendance } = evidence.history;
  return attendance === undefined ? 0 : [...lastTold(evidence, attendance)].length;
}

/** What a watcher has to see; undefined where that cannot be said. */
function expectedOf(
  { circles, blocks }: Evidence,
  watcher: string,
  userId: string,
  { present, atMs }: Attendance,
): boolean | undefined {
  const shared = circles.share(watcher, userId);
  if (shared === 'no') return false;
  const states = [blocks.during(watcher, userId, atMs, atMs), blocks.during(userId, watcher, atMs, atMs)];
  if (states.includes('on')) return false;
  if (shared === 'perhaps' || states.includes('open')) return undefined;
  return present.has(userId);
}

function* everToldOnline(evidence: Evidence): Iterable<Told> {
  for (const record of evidence.history.callsOf('watchPresence')) {
    if (record.outcome.kind !== 'ok') continue;
    for (const presence of record.outcome.result.presence)
      if (presence.online) yield { watcher: record.userId, presence, record };
  }
  for (const record of evidence.history.notes)
    if (record.note.method === 'presence' && record.note.online)
      yield { watcher: record.userId, presence: record.note, record };
}

/** What each connection that was open then, and watched, was told last about each of those whom it watched. */
function* lastTold({ history }: Evidence, { atMs, connections }: Attendance): Iterable<Told> {
  const told = new Map<number, Map<string, Told>>();
  for (const record of history.callsOf('watchPresence')) {
    const { connection, outcome, endMs, userId: watcher } = record;
    if (!connections.has(connection) || outcome.kind !== 'ok' || endMs > atMs) continue;
    // It replaces what was watched before.
    told.set(
      connection,
      new Map(outcome.result.presence.map((presence) => [presence.userId, { watcher, presence, record }])),
    );
  }
  for (const record of history.notes) {
    const { connection, note, userId: watcher } = record;
    if (note.method !== 'presence' || record.atMs > atMs) continue;
    const states = told.get(connection);
    const before = states?.get(note.userId)?.record;
    const sinceMs = before?.kind === 'call' ? before.endMs : (before?.atMs ?? Infinity);
    if (record.atMs >= sinceMs) states?.set(note.userId, { watcher, presence: note, record });
  }
  for (const states of told.values()) yield* states.values();
}
