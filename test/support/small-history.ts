import type {
  CallShapes,
  Change,
  Conversation,
  Message,
  Method,
  Note,
  Outcome,
} from '../../scripts/torture/client/protocol-shapes.ts';
import { type CallOf, type CallRecord, type FinalView, History } from '../../scripts/torture/history.ts';

export const chat = 'dm:ann:bob';

/** A history of ann and bob, made by hand. Every record is a moment later than the one before. */
export class SmallHistory {
  /** Groups of more than one member are large. */
  readonly history = new History(1);
  readonly #messages: Message[] = [];
  readonly #marks = new Map<string, number>();
  #clockMs = 0;
  #cursors = 0;

  constructor() {
    for (const [userId, connection] of [
      ['ann', 1],
      ['bob', 2],
    ] as const) {
      this.history.feedOf(userId).startCursor = 'c0';
      const params = { token: '', deviceId: 'd1' };
      this.call(
        'session.open',
        userId,
        params,
        { kind: 'ok', result: { cursor: 'c0', nodeId: 'n1' } },
        { connection },
      );
    }
  }

  call<M extends Method>(
    method: M,
    userId: string,
    params: CallShapes[M]['params'],
    outcome: Outcome<CallShapes[M]['result']>,
    more: { readonly connection?: number; readonly startMs?: number; readonly endMs?: number } = {},
  ): CallOf<M> {
    const connection = userId === 'ann' ? 1 : 2;
    const startMs = ++this.#clockMs;
    const endMs = outcome.kind === 'unknown' ? Infinity : ++this.#clockMs;
    const call: CallOf<M> = {
      ...{ kind: 'call', method, userId, deviceId: 'd1', connection, params, startMs, endMs, outcome },
      ...more,
    };
    this.history.add(call as CallOf<Method> as CallRecord);
    return call;
  }

  /** Sent, acknowledged, in both copies, told to both. @returns the message as it is there */
  send(from: string, messageId: string, seq: number): Message {
    this.acknowledge(from, messageId, seq);
    return this.arrive(from, messageId, seq);
  }

  acknowledge(
    from: string,
    messageId: string,
    seq: number,
    more: { readonly timestamp?: number; readonly duplicate?: boolean } = {},
  ): CallOf<'sendMessage'> {
    const params = { conversationId: chat, text: `text of ${messageId}`, messageId };
    const result = { conversationId: chat, messageId, seq, timestamp: seq * 10, duplicate: false, ...more };
    return this.call('sendMessage', from, params, { kind: 'ok', result });
  }

  /** In both copies, and told to both. */
  arrive(from: string, messageId: string, seq: number): Message {
    const text = `text of ${messageId}`;
    const message = { conversationId: chat, seq, messageId, from, text, timestamp: seq * 10 };
    this.#messages.push(message);
    for (const userId of ['ann', 'bob'])
      this.tell(userId, { kind: 'message', message, cursor: this.nextCursor() });
    return message;
  }

  /** Marked, in the own feed, and told to the other one. */
  read(userId: string, seq: number, unread: number, isTold = true): void {
    this.call('markRead', userId, { conversationId: chat, seq }, { kind: 'ok', result: { seq, unread } });
    this.#marks.set(userId, seq);
    this.tell(userId, {
      kind: 'read',
      conversationId: chat,
      readSeq: seq,
      unread,
      cursor: this.nextCursor(),
    });
    if (isTold) this.receipt(userId === 'ann' ? 'bob' : 'ann', userId, seq);
  }

  /** Told of the other one's mark. */
  receipt(userId: string, of: string, readSeq: number): void {
    const marks = { deliveredSeq: readSeq, readSeq };
    this.tell(userId, {
      kind: 'receipt',
      conversationId: chat,
      userId: of,
      ...marks,
      cursor: this.nextCursor(),
    });
  }

  note(userId: string, note: Note): void {
    const connection = userId === 'ann' ? 1 : 2;
    const actor = { userId, deviceId: 'd1', connection };
    this.history.notes.push({ kind: 'note', ...actor, atMs: ++this.#clockMs, note });
  }

  /** Told of a group's message, which nobody has a copy of. */
  tellOfGroup(userId: string, conversationId: string, seq: number): void {
    const message = { conversationId, seq, messageId: `g${seq}`, from: 'ann', text: '', timestamp: seq };
    this.tell(userId, { kind: 'message', message, cursor: this.nextCursor() });
  }

  get nowMs(): number {
    return this.#clockMs;
  }

  nextCursor(): string {
    return `c${++this.#cursors}`;
  }

  /** Pushed and in the feed. */
  tell(userId: string, change: Change): void {
    this.push(userId, change);
    this.history.feedOf(userId).changes.push(change);
  }

  push(userId: string, change: Change): void {
    const connection = userId === 'ann' ? 1 : 2;
    this.history.pushes.push({
      kind: 'push',
      userId,
      deviceId: 'd1',
      connection,
      atMs: ++this.#clockMs,
      change,
    });
  }

  /** What each of them can read in the end, where all went well. */
  views(): FinalView[] {
    return ['ann', 'bob'].map((userId) => this.#view(userId));
  }

  /** The same, with bob's changed. */
  viewsWith(
    change: (view: { conversation: Conversation; messages: Message[] }) => {
      readonly conversation: Conversation;
      readonly messages: readonly Message[];
    },
  ): FinalView[] {
    const [ann, bob] = [this.#view('ann'), this.#view('bob')];
    const [conversation] = bob.conversations;
    const changed = change({ conversation: conversation!, messages: [...(bob.messages.get(chat) ?? [])] });
    return [
      ann,
      { ...bob, conversations: [changed.conversation], messages: new Map([[chat, changed.messages]]) },
    ];
  }

  #view(userId: string): FinalView {
    const messages = this.#messages.toSorted((a, b) => a.seq - b.seq);
    const last = messages.at(-1);
    const peer = userId === 'ann' ? 'bob' : 'ann';
    const readSeq = this.#marks.get(userId) ?? 0;
    const unread = messages.filter(({ from, seq }) => from !== userId && seq > readSeq).length;
    const conversation: Conversation = {
      ...{ conversationId: chat, type: 'dm', name: peer, unread, readSeq },
      ...{ lastSeq: last?.seq ?? 0, lastTimestamp: last?.timestamp ?? 0 },
      ...{ peerReadSeq: this.#marks.get(peer) ?? 0, peerDeliveredSeq: 0 },
    };
    const known = { members: new Map(), blocked: [] };
    return { userId, conversations: [conversation], messages: new Map([[chat, messages]]), ...known };
  }
}
