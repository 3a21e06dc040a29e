import { type CallShapes, dmUsers, isDm } from '../../client/protocol-shapes.ts';
import type { CallOf, HistoryRecord } from '../../history.ts';
import { type Acked, type Evidence, HighWater, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

type OkRead<M extends 'getMessages' | 'getConversations' | 'getChanges'> = CallOf<M> & {
  readonly outcome: { readonly kind: 'ok'; readonly result: CallShapes[M]['result'] };
};

/** G7: a read shows what was acknowledged before it began, and nobody's reads go back in time. */
export function checkFreshReads(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G7');
  const acked = new AckedWater(evidence);
  for (const call of evidence.history.callsOf('getMessages')) {
    if (isOk(call)) checkPage(evidence, acked, call, found);
  }
  const dms = Map.groupBy(
    [...evidence.acked.keys()].filter(isDm).flatMap((id) => dmUsers(id).map((user) => ({ id, user }))),
    ({ user }) => user,
  );
  for (const call of evidence.history.callsOf('getConversations')) {
    if (!isOk(call)) continue;
    checkList(evidence, acked, call, found);
    checkListed(
      acked,
      call,
      (dms.get(call.userId) ?? []).map(({ id }) => id),
      found,
    );
  }
  checkChanges(evidence, found);
  checkNeverBack(evidence, found);
  return found.violations;
}

function isOk<M extends 'getMessages' | 'getConversations' | 'getChanges'>(
  call: CallOf<M>,
): call is OkRead<M> {
  return call.outcome.kind === 'ok';
}

/** The greatest seq that a user's mailbox, or a group, had acknowledged at any moment. */
class AckedWater {
  readonly #evidence: Evidence;
  readonly #waters = new Map<string, HighWater<Acked>>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  before(userId: string, conversationId: string, atMs: number): ReturnType<HighWater<Acked>['before']> {
    const key = keyOf(conversationId, isDm(conversationId) ? userId : '');
    const known = this.#waters.get(key);
    if (known !== undefined) return known.before(atMs);
    const water = new HighWater<Acked>();
    for (const call of this.#evidence.ackedFor(userId, conversationId))
      water.add(call.endMs, call.outcome.result.seq, call);
    this.#waters.set(key, water);
    return water.before(atMs);
  }
}

function checkPage(
  evidence: Evidence,
  acked: AckedWater,
  call: OkRead<'getMessages'>,
  found: Findings,
): void {
  const { userId, startMs, params, outcome } = call;
  const { conversationId, before: boundSeq } = params;
  const { messages, hasMore } = outcome.result;
  if (boundSeq === undefined) {
    const known = acked.before(userId, conversationId, startMs);
    if (known !== undefined && known.value > (messages[0]?.seq ?? 0)) {
      found.add(
        `${userId} read ${conversationId} up to ${messages[0]?.seq ?? 0} after ${known.value} was acknowledged`,
        [known.cause, call],
      );
    }
  }
  const seqs = new Set(messages.map(({ seq }) => seq));
  const lowest = hasMore ? (messages.at(-1)?.seq ?? Infinity) : 0;
  for (const ack of evidence.ackedFor(userId, conversationId)) {
    if (ack.endMs >= startMs) return;
    const { seq } = ack.outcome.result;
    if (seq < lowest || seq >= (boundSeq ?? Infinity) || seqs.has(seq)) continue;
    found.add(`${userId} read a page of ${conversationId} without seq ${seq}, acknowledged before`, [
      ack,
      call,
    ]);
  }
}

/**
 * A group's entry in the list may come a moment after the reply. A large group has none: it is asked. Who has been put out is
 * told nothing more, and may not know of it yet.
 */
function checkList(
  evidence: Evidence,
  acked: AckedWater,
  call: OkRead<'getConversations'>,
  found: Findings,
): void {
  const { userId, startMs, outcome } = call;
  for (const { conversationId, lastSeq } of outcome.result.conversations) {
    const isAsked = evidence.circles.isLarge(conversationId) && !evidence.hasLeft(userId, conversationId);
    if (!isDm(conversationId) && !isAsked) continue;
    const known = acked.before(userId, conversationId, startMs);
    if (known === undefined || known.value <= lastSeq) continue;
    found.add(`${userId}'s list had ${conversationId} at ${lastSeq} after ${known.value} was acknowledged`, [
      known.cause,
      call,
    ]);
  }
}

/** Nothing that was written to somebody is missing in the whole list. */
function checkListed(
  acked: AckedWater,
  call: OkRead<'getConversations'>,
  dms: readonly string[],
  found: Findings,
): void {
  const { userId, startMs, params, outcome } = call;
  if (params.offset > 0 || outcome.result.hasMore) return;
  const listed = new Set(outcome.result.conversations.map(({ conversationId }) => conversationId));
  for (const conversationId of dms) {
    const known = acked.before(userId, conversationId, startMs);
    if (known === undefined || listed.has(conversationId)) continue;
    found.add(`${userId}'s list lacked ${conversationId} after ${known.value} was acknowledged`, [
      known.cause,
      call,
    ]);
  }
}

/** Who has asked for changes until there were no more has heard of every message acknowledged before. */
function checkChanges(evidence: Evidence, found: Findings): void {
  const toUser = new Map<string, Acked[]>();
  for (const [conversationId, acked] of evidence.acked) {
    if (!isDm(conversationId)) continue;
    for (const call of acked) {
      const peer = conversationId.split(':').find((part, place) => place > 0 && part !== call.userId) ?? '';
      const calls = toUser.get(peer);
      if (calls === undefined) toUser.set(peer, [call]);
      else calls.push(call);
    }
  }
  for (const calls of toUser.values()) calls.sort((a, b) => a.endMs - b.endMs);
  const heard = new Map<string, Set<string>>();
  const judged = new Map<string, number>();
  for (const call of evidence.history.callsOf('getChanges')) {
    const { userId, outcome, startMs, params } = call;
    if (outcome.kind !== 'ok' || params.since === undefined) continue;
    if (evidence.history.feedOf(userId).wasReset || outcome.result.reset === true) continue;
    const ids = heard.get(userId) ?? new Set();
    heard.set(userId, ids);
    for (const change of outcome.result.changes)
      if (change.kind === 'message') ids.add(change.message.messageId);
    if (outcome.result.hasMore) continue;
    const acked = toUser.get(userId) ?? [];
    let place = judged.get(userId) ?? 0;
    for (; (acked[place]?.endMs ?? Infinity) < startMs; place++) {
      const ack = acked[place];
      if (ack === undefined || ids.has(ack.params.messageId)) continue;
      found.add(
        `${userId} asked for all changes after ${ack.params.messageId} was acknowledged, and it was not there`,
        [ack, call],
      );
    }
    judged.set(userId, place);
  }
}

interface Reading {
  readonly series: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly value: number;
  readonly record: HistoryRecord;
}

/** Values that only grow: each read shows at least what any earlier read or push of the same user showed. */
function checkNeverBack(evidence: Evidence, found: Findings): void {
  const waters = new Map<string, HighWater<HistoryRecord>>();
  const readings = [...readingsOf(evidence)];
  for (const { series, endMs, value, record } of readings) {
    const water = waters.get(series) ?? new HighWater();
    waters.set(series, water);
    water.add(endMs, value, record);
  }
  for (const { series, startMs, value, record } of readings) {
    if (record.kind === 'push') continue; // An older push may come later, on another connection.
    const before = waters.get(series)?.before(startMs);
    if (before === undefined || before.value <= value) continue;
    found.add(`${series} went back from ${before.value} to ${value}`, [before.cause, record]);
  }
}

function* readingsOf(evidence: Evidence): Iterable<Reading> {
  const { history } = evidence;
  for (const record of history.pushes) {
    const { change, userId, atMs } = record;
    const at = { startMs: atMs, endMs: atMs, record };
    if (change.kind === 'message') {
      const { conversationId, seq } = change.message;
      yield { ...at, series: seriesOf('messages', userId, conversationId), value: seq };
      yield { ...at, series: seriesOf('list', userId, conversationId), value: seq };
    } else if (change.kind === 'read' && !evidence.hasLeft(userId, change.conversationId)) {
      yield { ...at, series: `read mark of ${userId} in ${change.conversationId}`, value: change.readSeq };
    }
  }
  for (const record of history.callsOf('getMessages')) {
    const { outcome, params, userId, startMs, endMs } = record;
    if (outcome.kind !== 'ok' || params.before !== undefined) continue;
    const value = outcome.result.messages[0]?.seq ?? 0;
    yield { series: seriesOf('messages', userId, params.conversationId), startMs, endMs, value, record };
  }
  for (const record of history.callsOf('getConversations')) {
    const { outcome, userId, startMs, endMs } = record;
    if (outcome.kind !== 'ok') continue;
    for (const { conversationId, lastSeq, readSeq, ...peer } of outcome.result.conversations) {
      if (evidence.hasLeft(userId, conversationId)) continue;
      const at = { startMs, endMs, record };
      const of = `of ${userId} in ${conversationId}`;
      yield { ...at, series: seriesOf('list', userId, conversationId), value: lastSeq };
      yield { ...at, series: `read mark ${of}`, value: readSeq };
      // A block hides them.
      const { peerReadSeq, peerDeliveredSeq } = peer;
      if (peerReadSeq !== undefined)
        yield { ...at, series: `the peer's read mark ${of}`, value: peerReadSeq };
      if (peerDeliveredSeq !== undefined)
        yield { ...at, series: `the peer's delivered mark ${of}`, value: peerDeliveredSeq };
    }
  }
  yield* markReadings(evidence);
}

/** An answer to a mark says where it is then. */
function* markReadings(evidence: Evidence): Iterable<Reading> {
  for (const [method, name] of [
    ['markRead', 'read'],
    ['markDelivered', 'delivered'],
  ] as const) {
    for (const record of evidence.history.callsOf(method)) {
      const { userId, startMs, endMs, outcome } = record;
      const { conversationId } = record.params;
      if (outcome.kind !== 'ok' || evidence.hasLeft(userId, conversationId)) continue;
      const series = `${name} mark of ${userId} in ${conversationId}`;
      yield { series, startMs, endMs, value: outcome.result.seq, record };
    }
  }
}

/** A group's messages are read from the group, its entry in the list from the user's own mailbox. */
function seriesOf(from: 'messages' | 'list', userId: string, conversationId: string): string {
  return `what ${userId} sees of ${conversationId}${isDm(conversationId) ? '' : ` in the ${from}`}`;
}
