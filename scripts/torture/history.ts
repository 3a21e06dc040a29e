import type {
  CallShapes,
  Change,
  Conversation,
  Member,
  Message,
  Method,
  Note,
  Outcome,
} from './client/protocol-shapes.ts';

/** Who did something, and on which of all connections. */
export interface Actor {
  readonly userId: string;
  readonly deviceId: string;
  /** Unique in a history. */
  readonly connection: number;
}

/** A call as its client saw it. Times are of one monotonic clock, in milliseconds. */
export interface CallOf<M extends Method> extends Actor {
  readonly kind: 'call';
  readonly method: M;
  readonly params: CallShapes[M]['params'];
  readonly startMs: number;
  /** Infinity where no answer came. */
  endMs: number;
  outcome: Outcome<CallShapes[M]['result']>;
}

export type CallRecord = { [M in Method]: CallOf<M> }[Method];

/** A change that the server pushed. */
export interface PushRecord extends Actor {
  readonly kind: 'push';
  readonly atMs: number;
  readonly change: Change;
}

/** Something that was told besides: who writes, who came or went. */
export interface NoteRecord extends Actor {
  readonly kind: 'note';
  readonly atMs: number;
  readonly note: Note;
}

export type HistoryRecord = CallRecord | PushRecord | NoteRecord;

/** Who was connected, and who was not, when all was well and people did nothing but look and type. */
export interface Attendance {
  readonly sinceMs: number;
  readonly atMs: number;
  readonly present: ReadonlySet<string>;
  /** Those that were open at the end of that time. */
  readonly connections: ReadonlySet<number>;
}

/** A user's change feed, as asked for page by page from the beginning. */
export interface Feed {
  /** The cursor before the first change. */
  startCursor: string | undefined;
  readonly changes: Change[];
  /** Whether the server once said `reset`: then there is a gap. */
  wasReset: boolean;
}

/** What a user can read when all is over. */
export interface FinalView {
  readonly userId: string;
  readonly conversations: readonly Conversation[];
  /** By conversation, in ascending order of seq; those of the list and those the user ever wrote to. */
  readonly messages: ReadonlyMap<string, readonly Message[]>;
  /** Of each group in the list. */
  readonly members: ReadonlyMap<string, readonly Member[]>;
  readonly blocked: readonly string[];
}

/** Everything that the clients did and heard during one episode. */
export class History {
  readonly #calls = new Map<Method, CallRecord[]>();
  readonly pushes: PushRecord[] = [];
  readonly notes: NoteRecord[] = [];
  readonly feeds = new Map<string, Feed>();
  /** When a call was wanted and no connection was there. */
  readonly unsentAtMs: number[] = [];
  /** Of all connections that had a session: those that are over. */
  readonly closed = new Set<number>();
  /** Users with calls that still failed when all had been well for a while. */
  readonly stuck: string[] = [];
  /** Cursors that a poll ended with, by user and cursor: nothing came between them and the one that stands here. */
  readonly sameCursors = new Map<string, string>();
  attendance: Attendance | undefined;
  /** A group that ever had more members than this may be a large one. */
  readonly smallMembersMax: number;

  constructor(smallMembersMax = Infinity) {
    this.smallMembersMax = smallMembersMax;
  }

  add(call: CallRecord): void {
    const calls = this.#calls.get(call.method);
    if (calls === undefined) this.#calls.set(call.method, [call]);
    else calls.push(call);
  }

  /** In the order in which they were begun. */
  callsOf<M extends Method>(method: M): readonly CallOf<M>[] {
    return (this.#calls.get(method) ?? []) as CallOf<Method>[] as CallOf<M>[];
  }

  *allCalls(): Iterable<CallRecord> {
    for (const calls of this.#calls.values()) yield* calls;
  }

  feedOf(userId: string): Feed {
    const known = this.feeds.get(userId);
    if (known !== undefined) return known;
    const feed: Feed = { startCursor: undefined, changes: [], wasReset: false };
    this.feeds.set(userId, feed);
    return feed;
  }
}
