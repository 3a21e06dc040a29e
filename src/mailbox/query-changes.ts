import type { GetChangesParams } from '../protocol/calls.ts';
import { formatAhead, formatCursor, parseCursor, type Ahead, type FeedPosition } from '../protocol/cursor.ts';
import type { Change } from '../protocol/message.ts';
import type { CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { headCursor, stillAhead } from './feed-head.ts';
import { logCommitsMax, logOf, logRanges } from './log-cells.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import {
  idOfLocal,
  messageAt,
  type ConversationState,
  type LogCommit,
  type LogEntry,
  type MailboxState,
  type StoredMessage,
} from './mailbox-state.ts';
import { cursorAfter, groupRangeOf, wireChange, type GroupRange } from './wire-view.ts';

/** Log slots that one read of the store covers. */
const slotsPerRead = 256;

type FeedItem =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'range'; readonly range: GroupRange };

/** A page of the feed; in place of the messages of a group stands what has to be read of its row. */
export type FeedPage =
  | {
      readonly items: readonly FeedItem[];
      readonly cursor: string;
      readonly hasMore: boolean;
    }
  | { readonly reset: true; readonly cursor: string };

/** One entry of the page; of a range of a group's messages maybe a part. */
interface Positioned {
  readonly entry: LogEntry;
  readonly cursor: string;
  readonly range?: GroupRange;
}

function versionOf(state: MailboxState): number {
  return state.version?.number ?? 0;
}

/** Is everything after this position still in the log, and is it a position of this row at all? */
function isKept(state: MailboxState, position: FeedPosition): boolean {
  const version = versionOf(state);
  const firstWanted = position.index === undefined ? position.version + 1 : position.version;
  return position.version <= version && firstWanted > version - logCommitsMax;
}

/** Of a group that the user is out of nothing shows any more but that. */
function isHidden(state: MailboxState, entry: LogEntry): boolean {
  if (entry.kind === 'conversation') {
    return entry.left !== true && state.groups.get(entry.conversation.conversationId)?.isIn === false;
  }
  const isMark = entry.kind === 'read' || entry.kind === 'receipt';
  return isMark && state.groups.get(entry.conversationId)?.isIn === false;
}

/** A place within a range is between its first and its last message: anything else was made up. */
function isInRange(commits: readonly LogCommit[], { version, index, seq }: FeedPosition): boolean {
  if (seq === undefined) return true;
  const entry = commits.find((commit) => commit.version === version)?.entries[index ?? 0];
  return entry?.kind === 'groupRange' && entry.above < seq && seq < entry.upTo;
}

/** The commits from version `first` on, out of memory or the store's log; `through`: how far they reach. */
function commitsFrom(
  state: MailboxState,
  first: number,
  loaded: LoadedRanges,
): Step<{ commits: readonly LogCommit[]; through: number }> {
  if (first > state.logKnownAbove) {
    return done({ commits: state.log.filter(({ version }) => version >= first), through: versionOf(state) });
  }
  const through = Math.min(first + slotsPerRead - 1, versionOf(state));
  const ranges = logRanges(first, through);
  const conversationOf = (local: number): string => idOfLocal(state, local);
  const commits: LogCommit[] = [];
  for (const range of ranges) {
    const cells = loaded.cells(range, through);
    if (cells === undefined) return { kind: 'need', ranges };
    commits.push(...cells.map((cell) => logOf(cell, conversationOf)));
  }
  // A slot whose commit changed nothing for clients still holds the one a turn earlier.
  return done({ commits: commits.filter(({ version }) => version >= first && version <= through), through });
}

/** How many changes come of it. */
function lengthOf({ range }: Positioned): number {
  return range === undefined ? 1 : range.upTo - range.above;
}

function positioned(
  commit: LogCommit,
  index: number,
  entry: LogEntry,
  { after, ahead }: { readonly after: number; readonly ahead: AheadLeft },
  room: number,
): Positioned {
  const whole = groupRangeOf(commit, index, entry);
  const passed = ahead.pass(entry);
  const suffix = formatAhead(ahead.left);
  if (whole === undefined) return { entry, cursor: cursorAfter(commit, index) + suffix };
  const above = Math.min(whole.upTo, Math.max(whole.above, after, passed));
  const upTo = Math.min(whole.upTo, above + room);
  const cursorAt = (seq: number): string => whole.cursorAt(seq) + suffix;
  return { entry, cursor: cursorAt(upTo), range: { ...whole, above, upTo, cursorAt } };
}

/** What of that which a cursor has ahead the log has not named yet. */
class AheadLeft {
  readonly #groups: MailboxState['groups'];
  readonly #left: Map<number, number>;

  constructor({ groups }: MailboxState, ahead: Ahead) {
    this.#groups = groups;
    this.#left = new Map(ahead);
  }

  get left(): Ahead {
    return this.#left;
  }

  /** The next entry of the log. @returns the seq up to which its messages are known; 0: none are */
  pass(entry: LogEntry): number {
    if (this.#left.size === 0) return 0;
    if (entry.kind === 'conversation') {
      if (entry.left === true) this.#left.delete(this.#localOf(entry.conversation.conversationId));
      return 0;
    }
    if (entry.kind !== 'groupRange') return 0;
    const local = this.#localOf(entry.conversationId);
    const seq = this.#left.get(local) ?? 0;
    if (seq <= entry.upTo) this.#left.delete(local);
    return seq;
  }

  #localOf(conversationId: string): number {
    return this.#groups.get(conversationId)?.local ?? 0;
  }
}

/** What comes after a position, as long as it makes at most `limit` changes; `isCut`: there is more. */
function entriesAfter(
  state: MailboxState,
  commits: readonly LogCommit[],
  position: FeedPosition,
  limit: number,
): { entries: readonly Positioned[]; isCut: boolean; left: Ahead } {
  const entries: Positioned[] = [];
  const ahead = new AheadLeft(state, position.ahead);
  let room = limit;
  for (const commit of commits) {
    const isHere = commit.version === position.version;
    // Within a range that was begun the same entry goes on.
    const next = position.index === undefined ? commit.entries.length : position.index + 1;
    const start = isHere ? (position.seq === undefined ? next : next - 1) : 0;
    for (let index = start; index < commit.entries.length; index++) {
      const entry = commit.entries[index];
      if (entry === undefined) continue;
      if (room === 0) return { entries, isCut: true, left: ahead.left };
      const after = isHere && index === position.index ? (position.seq ?? 0) : 0;
      const one = positioned(commit, index, entry, { after, ahead }, room);
      entries.push(one);
      room -= lengthOf(one);
      if (entry.kind === 'groupRange' && one.range !== undefined && one.range.upTo < entry.upTo) {
        return { entries, isCut: true, left: ahead.left };
      }
    }
  }
  return { entries, isCut: false, left: ahead.left };
}

/** Messages of the page that are not in memory: one read a conversation where their seqs lie close together. */
function messageRanges(state: MailboxState, page: readonly Positioned[]): readonly CellRange[] {
  const seqs = new Map<ConversationState, number[]>();
  for (const { entry } of page) {
    if (!('seq' in entry)) continue;
    const conversation = state.conversations.get(entry.conversationId);
    if (conversation === undefined || messageAt(conversation, entry.seq) !== undefined) continue;
    const known = seqs.get(conversation);
    if (known === undefined) seqs.set(conversation, [entry.seq]);
    else known.push(entry.seq);
  }
  return [...seqs].flatMap(([conversation, wanted]) => {
    const low = Math.min(...wanted);
    const high = Math.max(...wanted);
    const span = high - low + 1;
    if (span <= 8 * wanted.length) return [messageRange(conversation, low - 1, high + 1, span)];
    return wanted.map((seq) => messageRange(conversation, seq - 1, seq + 1, 1));
  });
}

function loadMessages(
  state: MailboxState,
  page: readonly Positioned[],
  loaded: LoadedRanges,
): Step<ReadonlyMap<string, StoredMessage>> {
  const ranges = messageRanges(state, page);
  const found = new Map<string, StoredMessage>();
  for (const range of ranges) {
    const conversation = state.byLocal.get(range.from.readUInt32BE(0));
    const cells = loaded.cells(range, conversation?.touchedVersion ?? 0);
    if (conversation === undefined || cells === undefined) return { kind: 'need', ranges };
    for (const message of cells.map(messageOf)) {
      found.set(`${conversation.conversationId}/${message.seq}`, message);
    }
  }
  return done(found);
}

/**
 * `getChanges`: what came after a cursor, in the order it was committed (G8), or `reset` where that is not
 * kept any more or the cursor is not one of this row.
 */
export function queryChanges(
  state: MailboxState,
  { since, limit }: GetChangesParams,
  loaded: LoadedRanges,
): Step<FeedPage> {
  const head = headCursor(state);
  if (since === undefined) return done({ items: [], cursor: head, hasMore: false });
  const position = parseCursor(since);
  if (position === undefined || !isKept(state, position)) return done({ reset: true, cursor: head });
  const first = position.index === undefined ? position.version + 1 : position.version;
  if (first > versionOf(state)) {
    const ahead = stillAhead(state, position.ahead);
    const cursor = formatCursor(versionOf(state), undefined, undefined, ahead);
    return done({ items: [], cursor, hasMore: false });
  }

  const commits = commitsFrom(state, first, loaded);
  if (commits.kind === 'need') return commits;
  if (!isInRange(commits.result.commits, position)) return done({ reset: true, cursor: head });
  const { entries: page, isCut, left } = entriesAfter(state, commits.result.commits, position, limit);
  const messages = loadMessages(state, page, loaded);
  if (messages.kind === 'need') return messages;
  const items = page.flatMap(({ entry, cursor, range }): readonly FeedItem[] => {
    if (range !== undefined) return [{ kind: 'range', range }];
    if (isHidden(state, entry)) return [];
    const change = wireChange(state, entry, cursor, ({ conversationId }, seq) =>
      messages.result.get(`${conversationId}/${seq}`),
    );
    if (change === undefined)
      throw new Error(`G8: the log of ${state.userId} names a message that is not there`);
    return [{ kind: 'change', change }];
  });
  const reached = commits.result.through;
  const isAtEnd = !isCut && reached === versionOf(state);
  const whole = formatCursor(reached, undefined, undefined, left);
  return done({ items, cursor: isCut ? (page.at(-1)?.cursor ?? since) : whole, hasMore: !isAtEnd });
}
