import { isDm, type Message, type SendResult } from '../client/protocol-shapes.ts';
import type { CallOf, FinalView, History, HistoryRecord } from '../history.ts';
import { BlockStates } from './block-state.ts';
import { Circles } from './circles.ts';
import { mayHaveHappened } from './outcome.ts';

/** A message as its author sent it: one id, any number of attempts. */
export interface SentMessage {
  readonly conversationId: string;
  readonly messageId: string;
  readonly from: string;
  readonly text: string;
  readonly attempts: CallOf<'sendMessage'>[];
  readonly acks: Acked[];
  /** When the first attempt began. */
  readonly startMs: number;
}

/** An attempt that was answered with success. */
export type Acked = CallOf<'sendMessage'> & {
  readonly outcome: {
    readonly kind: 'ok';
    readonly result: SendResult;
  };
};

/** Somebody has seen a message. */
export interface Sighting {
  readonly message: Message;
  readonly userId: string;
  /** When it was seen at the latest; undefined: when all was over. */
  readonly atMs: number | undefined;
  readonly record: HistoryRecord | undefined;
}

export function keyOf(conversationId: string, part: string | number): string {
  return `${conversationId} ${part}`;
}

/** A history, and what can be read at its end, sorted for those who judge it. */
export class Evidence {
  readonly history: History;
  readonly views: ReadonlyMap<string, FinalView>;
  /** By conversation and message id. */
  readonly sends = new Map<string, SentMessage>();
  /** Acknowledged messages by conversation, in the order of their acknowledgements. */
  readonly acked = new Map<string, Acked[]>();
  /** By conversation and seq, all attempts. */
  readonly edits = new Map<string, CallOf<'editMessage'>[]>();
  readonly deletions = new Map<string, CallOf<'deleteMessage'>[]>();
  readonly sightings: readonly Sighting[];
  readonly blocks: BlockStates;
  readonly circles: Circles;
  readonly #left = new Set<string>();
  readonly #late = new Set<string>();

  constructor(history: History, views: readonly FinalView[]) {
    this.history = history;
    this.views = new Map(views.map((view) => [view.userId, view]));
    this.blocks = new BlockStates(history);
    this.circles = new Circles(history);
    for (const call of history.callsOf('sendMessage')) this.#addSend(call);
    for (const calls of this.acked.values()) calls.sort((a, b) => a.endMs - b.endMs);
    const addTo = <Call extends CallOf<'editMessage'> | CallOf<'deleteMessage'>>(
      calls: Map<string, Call[]>,
      call: Call,
    ): void => {
      const key = keyOf(call.params.conversationId, call.params.seq);
      calls.set(key, [...(calls.get(key) ?? []), call]);
    };
    for (const call of history.callsOf('editMessage')) addTo(this.edits, call);
    for (const call of history.callsOf('deleteMessage')) addTo(this.deletions, call);
    this.sightings = [...this.#allSightings()];
    this.#findLeft();
    this.#findLate();
  }

  /** Whether this user was ever out of this group, or might have been. */
  hasLeft(userId: string, conversationId: string): boolean {
    return this.#left.has(keyOf(conversationId, userId));
  }

  /** Whether this user was perhaps not in this group from its beginning. */
  isLate(userId: string, conversationId: string): boolean {
    return this.#late.has(keyOf(conversationId, userId));
  }

  /** Acknowledgements that this user's own mailbox, or the group itself, had to know of at once. */
  ackedFor(userId: string, conversationId: string): readonly Acked[] {
    const acked = this.acked.get(conversationId) ?? [];
    return isDm(conversationId) ? acked.filter((call) => call.userId !== userId) : acked;
  }

  #addSend(call: CallOf<'sendMessage'>): void {
    const { conversationId, messageId, text } = call.params;
    const key = keyOf(conversationId, messageId);
    const sent = this.sends.get(key) ?? {
      ...{ conversationId, messageId, text, from: call.userId, attempts: [], acks: [] },
      startMs: call.startMs,
    };
    this.sends.set(key, sent);
    sent.attempts.push(call);
    if (!isAcked(call)) return;
    sent.acks.push(call);
    if (sent.acks.length > 1) return;
    const acked = this.acked.get(conversationId);
    if (acked === undefined) this.acked.set(conversationId, [call]);
    else acked.push(call);
  }

  *#allSightings(): Iterable<Sighting> {
    const { history } = this;
    for (const record of history.pushes) {
      const { change, userId, atMs } = record;
      if (change.kind === 'message' || change.kind === 'edited' || change.kind === 'deleted')
        yield { message: change.message, userId, atMs, record };
    }
    for (const record of history.callsOf('getMessages')) {
      const { userId, outcome, endMs } = record;
      if (outcome.kind !== 'ok') continue;
      for (const message of outcome.result.messages) yield { message, userId, atMs: endMs, record };
    }
    for (const [userId, { changes }] of history.feeds) {
      for (const change of changes) {
        if (change.kind === 'message' || change.kind === 'edited' || change.kind === 'deleted')
          yield { message: change.message, userId, atMs: undefined, record: undefined };
      }
    }
    for (const { userId, messages } of this.views.values()) {
      for (const message of [...messages.values()].flat())
        yield { message, userId, atMs: undefined, record: undefined };
    }
  }

  /** Adding who is in from the beginning, and never went, changes nothing. */
  #findLate(): void {
    const { history } = this;
    const founders = new Set<string>();
    for (const { userId, params, outcome } of history.callsOf('createGroup')) {
      if (outcome.kind !== 'ok') continue;
      for (const member of [userId, ...params.members])
        founders.add(keyOf(outcome.result.conversationId, member));
    }
    for (const { params, outcome } of history.callsOf('addMembers')) {
      if (!mayHaveHappened(outcome)) continue;
      for (const member of params.members) {
        const key = keyOf(params.conversationId, member);
        if (!founders.has(key) || this.#left.has(key)) this.#late.add(key);
      }
    }
  }

  #findLeft(): void {
    const { history } = this;
    const add = (userId: string, conversationId: string): unknown =>
      this.#left.add(keyOf(conversationId, userId));
    for (const { userId, params, outcome } of history.callsOf('leaveGroup')) {
      if (mayHaveHappened(outcome)) add(userId, params.conversationId);
    }
    for (const { params, outcome } of history.callsOf('removeMembers')) {
      if (mayHaveHappened(outcome)) for (const member of params.members) add(member, params.conversationId);
    }
    for (const { userId, change } of history.pushes) {
      if (change.kind === 'conversation' && change.left === true)
        add(userId, change.conversation.conversationId);
    }
  }
}

export function isAcked(call: CallOf<'sendMessage'>): call is Acked {
  return call.outcome.kind === 'ok';
}

/** A history in time order knows at any moment the greatest of the values that were known before it. */
export class HighWater<Cause> {
  readonly #marks: { readonly atMs: number; readonly value: number; readonly cause: Cause }[] = [];
  #isSorted = true;

  add(atMs: number, value: number, cause: Cause): void {
    this.#marks.push({ atMs, value, cause });
    this.#isSorted = false;
  }

  /** The greatest of all values that were known before this moment. */
  before(atMs: number): { readonly value: number; readonly cause: Cause } | undefined {
    this.#sort();
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#marks[middle]?.atMs ?? Infinity) < atMs) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low - 1];
  }

  /** Sorts by time and keeps only what is greater than all before it. */
  #sort(): void {
    if (this.#isSorted) return;
    this.#isSorted = true;
    const all = this.#marks.splice(0).sort((a, b) => a.atMs - b.atMs);
    for (const mark of all) {
      if (mark.value > (this.#marks.at(-1)?.value ?? -Infinity)) this.#marks.push(mark);
    }
  }
}
