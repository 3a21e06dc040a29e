import { allOfFamily, decodeValue, encodeValue, u48Max, wholeFamily } from '../conversation/cell-value.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import type { GroupHistory, GroupRole } from '../protocol/calls.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { FanOutMark, GroupInfo, GroupMember, OwedEnrolment } from './group-state.ts';

/*
 * The cells of a group's row. Qualifiers:
 *
 * - `h` `g` the group itself; `h` `u`|userId one member, empty for one that is out
 * - `m` ~seq (u48, so that newest sorts first)
 * - `d` see dedup-window.ts
 * - `o` `s` how far the mailboxes of all members have come; `o` `u`|userId one that came or went since.
 *   Not empty while mailboxes may lack something
 */
const infoQualifier = Buffer.from('g');
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
  // Of groups that were handed over; a former release ignores it.
  handedOverBy?: string,
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
  if (info.handedOverBy !== undefined) fields.push(info.handedOverBy);
  return { family: 'h', qualifier: infoQualifier, value: encodeValue(fields) };
}

export function isInfoCell(cell: Cell): boolean {
  return cell.qualifier.equals(infoQualifier);
}

export function infoOf(cell: Cell): GroupInfo {
  const [name, history, createdAt, creator, requestId, ...rest] = decodeValue(cell) as InfoFields;
  const [lastSeq, event, updatedAt, handedOverBy] = rest;
  const known = histories[history] ?? 'sinceJoin';
  return {
    ...{ name, history: known, createdAt, creator, requestId, lastSeq, event, updatedAt },
    ...(handedOverBy !== undefined && { handedOverBy }),
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

type MemberFields = [role: number, joinEvent: number, joinSeq: number];

/** `member` undefined: the user is out. */
export function memberCell(userId: string, member: GroupMember | undefined): Cell {
  const fields = (member: GroupMember): MemberFields => [
    roles.indexOf(member.role),
    member.joinEvent,
    member.joinSeq,
  ];
  const value = member === undefined ? nothing : encodeValue(fields(member));
  return { family: 'h', qualifier: userQualifier(userId), value };
}

export function memberOf(cell: Cell): GroupMember {
  const [role, joinEvent, joinSeq] = decodeValue(cell) as MemberFields;
  return { role: roles[role] ?? 'member', joinEvent, joinSeq };
}

/** `mark` undefined: mailboxes know everything. */
export function markCell(mark: FanOutMark | undefined): Cell {
  const value = mark === undefined ? nothing : encodeValue([mark.seq, mark.event]);
  return { family: 'o', qualifier: markQualifier, value };
}

export function markOf(cell: Cell): FanOutMark {
  const [seq, event] = decodeValue(cell) as [seq: number, event: number];
  return { seq, event };
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

function messageQualifier(seq: number): Buffer {
  const qualifier = Buffer.allocUnsafe(6);
  qualifier.writeUIntBE(u48Max - seq, 0, 6);
  return qualifier;
}

type MessageFields = [
  messageId: string,
  text: string,
  timestamp: number,
  replyTo?: number,
  media?: [ref: string, type: string, size: number],
];

export function groupMessageCell(message: GroupMessage): Cell {
  const { seq, messageId, text, timestamp, replyTo, mediaRef } = message;
  const fields: MessageFields = [messageId, text, timestamp];
  if (replyTo !== undefined || mediaRef !== undefined) fields.push(replyTo ?? 0);
  if (mediaRef !== undefined) fields.push([mediaRef.ref, mediaRef.type, mediaRef.size]);
  return { family: 'm', qualifier: messageQualifier(seq), value: encodeValue(fields) };
}

export function groupMessageOf(cell: Cell): GroupMessage {
  const [messageId, text, timestamp, replyTo, media] = decodeValue(cell) as MessageFields;
  const seq = u48Max - cell.qualifier.readUIntBE(0, 6);
  const mediaRef: MediaRef | undefined = media && { ref: media[0], type: media[1], size: media[2] };
  return {
    seq,
    messageId,
    text,
    timestamp,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && replyTo > 0 && { replyTo }),
  };
}

/** Messages with `above < seq < below`, newest first. */
export function groupMessageRange(above: number, below: number): CellRange {
  const limit = Math.max(1, below - above - 1);
  return { family: 'm', from: messageQualifier(below - 1), to: messageQualifier(above), limit };
}

/** Read with the row, so that the first page of a group that was just activated is there. */
const messagesAtOnce = 200;

/** What activation reads, in one go: the group and its members, what is owed, the newest ids and messages. */
export function groupHeadRanges(dedupMax: number): readonly CellRange[] {
  return [allOfFamily('h'), allOfFamily('o'), wholeFamily('d', dedupMax), wholeFamily('m', messagesAtOnce)];
}
