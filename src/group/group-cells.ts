import { allOfFamily, decodeValue, encodeValue, u48Max, wholeFamily } from '../conversation/cell-value.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import type { OwnRuns } from '../conversation/own-runs.ts';
import type { GroupHistory, GroupRole } from '../protocol/calls.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { FanOutMark } from './fan-out-mark.ts';
import type { GroupChange, GroupInfo, GroupMember, OwedEnrolment } from './group-state.ts';

/*
 * The cells of a group's row. Qualifiers:
 *
 * - `h` `g` the group itself; `h` `l` where it became large; `h` `u`|userId one member, empty for one that is out
 * - `m` ~seq (u48, so that newest sorts first)
 * - `d` see dedup-window.ts
 * - `o` `s` how far the mailboxes of all members have come; `o` `u`|userId one that came or went since.
 *   Not empty while mailboxes may lack something
 * - `l` ~op (u48): which message an edit or a deletion has changed
 */
const infoQualifier = Buffer.from('g');
const largeQualifier = Buffer.from('l');
const markQualifier = Buffer.from('s');
const userPrefix = 'u';
const roles: readonly GroupRole[] = ['owner', 'admin', 'member'];
const histories: readonly GroupHistory[] = ['all', 'sinceJoin'];
const nothing = Buffer.alloc(0);

type InfoFields = [
  name: string,
  history: number,
  createdAt: number,
  creator: string,
  requestId: string,
  lastSeq: number,
  event: number,
  updatedAt: number,
  // Of groups that were handed over, else '' or missing; a former release ignores it.
  handedOverBy?: string,
  op?: number,
  receipt?: number,
];

export function infoCell(info: GroupInfo): Cell {
  const fields: InfoFields = [
    info.name,
    histories.indexOf(info.history),
    info.createdAt,
    info.creator,
    info.requestId,
    info.lastSeq,
    info.event,
    info.updatedAt,
  ];
  const isPlain = info.op === 0 && info.receipt === 0;
  if (info.handedOverBy !== undefined || !isPlain) fields.push(info.handedOverBy ?? '');
  if (!isPlain) fields.push(info.op, info.receipt);
  return { family: 'h', qualifier: infoQualifier, value: encodeValue(fields) };
}

export function isInfoCell(cell: Cell): boolean {
  return cell.qualifier.equals(infoQualifier);
}

export function infoOf(cell: Cell): GroupInfo {
  const [name, history, createdAt, creator, requestId, ...rest] = decodeValue(cell) as InfoFields;
  const [lastSeq, event, updatedAt, handedOverBy = '', op = 0, receipt = 0] = rest;
  const known = histories[history] ?? 'sinceJoin';
  return {
    ...{ name, history: known, createdAt, creator, requestId, lastSeq, event, op, receipt },
    updatedAt,
    ...(handedOverBy !== '' && { handedOverBy }),
  };
}

function userQualifier(userId: string): Buffer {
  return Buffer.from(`${userPrefix}${userId}`);
}

/** The user that a cell is about, or undefined where it is about the group. */
export function userOf(cell: Cell): string | undefined {
  const name = cell.qualifier.toString('utf8');
  return name.startsWith(userPrefix) ? name.slice(userPrefix.length) : undefined;
}

type MemberFields = [
  role: number,
  joinEvent: number,
  joinSeq: number,
  // Of those whose marks have moved.
  deliveredSeq?: number,
  readSeq?: number,
  receipt?: number,
  hiddenFrom?: readonly string[],
  // Of members of large groups who have written something.
  own?: OwnRuns,
];

/** `member` undefined: the user is out. */
export function memberCell(userId: string, member: GroupMember | undefined): Cell {
  if (member === undefined) return { family: 'h', qualifier: userQualifier(userId), value: nothing };
  const { role, joinEvent, joinSeq, deliveredSeq, readSeq, receipt, hiddenFrom, own = [] } = member;
  const fields: MemberFields = [roles.indexOf(role), joinEvent, joinSeq];
  if (receipt > 0 || own.length > 0) fields.push(deliveredSeq, readSeq, receipt, hiddenFrom);
  if (own.length > 0) fields.push(own);
  return { family: 'h', qualifier: userQualifier(userId), value: encodeValue(fields) };
}

export function memberOf(cell: Cell): GroupMember {
  const [role, joinEvent, joinSeq, ...told] = decodeValue(cell) as MemberFields;
  const [deliveredSeq = 0, readSeq = 0, receipt = 0, hiddenFrom = [], own] = told;
  const known = roles[role] ?? 'member';
  const marks = { deliveredSeq, readSeq, receipt, hiddenFrom };
  return { role: known, joinEvent, joinSeq, ...marks, ...(own !== undefined && { own }) };
}

export function largeCell(from: FanOutMark): Cell {
  return { family: 'h', qualifier: largeQualifier, value: markValue(from) };
}

export function isLargeCell(cell: Cell): boolean {
  return cell.qualifier.equals(largeQualifier);
}

type MarkFields = [seq: number, event: number, op?: number, receipt?: number];

function markValue({ seq, event, op, receipt }: FanOutMark): Buffer {
  return encodeValue([seq, event, op, receipt]);
}

/** `mark` undefined: mailboxes know everything. */
export function markCell(mark: FanOutMark | undefined): Cell {
  return { family: 'o', qualifier: markQualifier, value: mark === undefined ? nothing : markValue(mark) };
}

/** Of a mark, and of where a group became large. */
export function markOf(cell: Cell): FanOutMark {
  const [seq, event, op = 0, receipt = 0] = decodeValue(cell) as MarkFields;
  return { seq, event, op, receipt };
}

/** `owed` undefined: the user's mailbox knows. */
export function owedCell(userId: string, owed: OwedEnrolment | undefined): Cell {
  const value = owed === undefined ? nothing : encodeValue([owed.kind === 'joined' ? 1 : 0, owed.event]);
  return { family: 'o', qualifier: userQualifier(userId), value };
}

export function owedOf(cell: Cell): OwedEnrolment {
  const [isIn, event] = decodeValue(cell) as [isIn: 0 | 1, event: number];
  return { kind: isIn === 1 ? 'joined' : 'left', event };
}

/** Of a message by its seq, of a change by its op: newest first. */
function numberQualifier(number: number): Buffer {
  const qualifier = Buffer.allocUnsafe(6);
  qualifier.writeUIntBE(u48Max - number, 0, 6);
  return qualifier;
}

/** The seq of a message's cell, the op of a change's. */
export function numberOf(cell: Cell): number {
  return u48Max - cell.qualifier.readUIntBE(0, 6);
}

type MessageFields = [
  messageId: string,
  text: string,
  timestamp: number,
  replyTo?: number,
  media?: [ref: string, type: string, size: number] | null,
  // Since format 2, which is that of changed messages; 0: not.
  editedAt?: number,
  deletedAt?: number,
  op?: number,
];
const changedFormat = 2;

export function groupMessageCell(message: GroupMessage): Cell {
  const { seq, messageId, text, timestamp, replyTo, mediaRef, editedAt, deletedAt, op } = message;
  const fields: MessageFields = [messageId, text, timestamp];
  const qualifier = numberQualifier(seq);
  const media: MessageFields[4] = mediaRef && [mediaRef.ref, mediaRef.type, mediaRef.size];
  if (op !== undefined) {
    fields.push(replyTo ?? 0, media ?? null, editedAt ?? 0, deletedAt ?? 0, op);
    return { family: 'm', qualifier, value: encodeValue(fields, changedFormat) };
  }
  if (replyTo !== undefined || mediaRef !== undefined) fields.push(replyTo ?? 0);
  if (media !== undefined) fields.push(media);
  return { family: 'm', qualifier, value: encodeValue(fields) };
}

export function groupMessageOf(cell: Cell): GroupMessage {
  const [messageId, text, timestamp, replyTo, media, editedAt = 0, deletedAt = 0, op] = decodeValue(
    cell,
    changedFormat,
  ) as MessageFields;
  const mediaRef: MediaRef | undefined =
    media === null ? undefined : media && { ref: media[0], type: media[1], size: media[2] };
  return {
    seq: numberOf(cell),
    messageId,
    text,
    timestamp,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && replyTo > 0 && { replyTo }),
    ...(editedAt > 0 && { editedAt }),
    ...(deletedAt > 0 && { deletedAt }),
    ...(op !== undefined && { op }),
  };
}

/** Messages with `above < seq < below`, newest first. */
export function groupMessageRange(above: number, below: number): CellRange {
  const limit = Math.max(1, below - above - 1);
  return { family: 'm', from: numberQualifier(below - 1), to: numberQualifier(above), limit };
}

export function changeCell({ op, seq }: GroupChange): Cell {
  return { family: 'l', qualifier: numberQualifier(op), value: encodeValue([seq]) };
}

export function changeOf(cell: Cell): GroupChange {
  const [seq] = decodeValue(cell) as [seq: number];
  return { op: numberOf(cell), seq };
}

/** Changes with `above < op <= upTo`, newest first. */
export function changeRange(above: number, upTo: number): CellRange {
  return { family: 'l', from: numberQualifier(upTo), to: numberQualifier(above), limit: upTo - above };
}

/** Read with the row, so that the first page of a group that was just activated is there. */
const messagesAtOnce = 200;
const changesAtOnce = 200;

/** What activation reads, in one go: the group and its members, what is owed, the newest ids, messages and changes. */
export function groupHeadRanges(dedupMax: number): readonly CellRange[] {
  return [
    ...[allOfFamily('h'), allOfFamily('o'), wholeFamily('d', dedupMax)],
    ...[wholeFamily('m', messagesAtOnce), wholeFamily('l', changesAtOnce)],
  ];
}
