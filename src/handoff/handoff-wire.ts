import { PeerFault } from '../peer/peer-fault.ts';
import type { RingNodeState, RingProgress } from './ring-control.ts';
import { families, type Cell } from '../row/cell.ts';
import { decodeRowVersion, RowVersionError, type RowVersion } from '../row/row-version.ts';

/** What changes of the ring ask of their nodes. */
export interface WeightPlan {
  readonly nodeId: string;
  readonly weight: number;
}

/** A row on its way to another node. */
export interface SentCopy {
  readonly entityId: string;
  /** The version that the cells go on top of; undefined: they are all there is. */
  readonly base: RowVersion | undefined;
  readonly version: RowVersion;
  /** Of a whole one: which parts are complete. */
  readonly marks: unknown;
  readonly cells: readonly Cell[];
  /** Nothing of this row follows. */
  readonly isLast: boolean;
}

/** How far a node is with what moves away from it. */
export interface NodeStatus {
  readonly state: RingNodeState;
  readonly totalUsers: number;
  readonly movedUsers: number;
  readonly totalBytes: number;
  readonly movedBytes: number;
}

/** What would move from a node to another one. */
export interface SurveyedFlow {
  readonly to: string;
  readonly users: number;
  readonly bytes: number;
}

export type HandoffAsk =
  /** What would move from you? Answered with flows. */
  | { readonly kind: 'survey'; readonly plan: WeightPlan }
  /** Send ahead what moves from you, in the view that follows this epoch. Answered with a status. */
  | { readonly kind: 'prepare'; readonly changeId: string; readonly epoch: number; readonly plan: WeightPlan }
  | { readonly kind: 'status'; readonly changeId: string }
  /** Answered with the ids of those that were not taken. */
  | { readonly kind: 'copies'; readonly changeId: string; readonly copies: readonly SentCopy[] }
  | { readonly kind: 'cancel'; readonly changeId: string }
  /** To who carries a change out. Answered with its progress, nil where it is not known there. */
  | { readonly kind: 'progress' | 'abort'; readonly changeId: string };

/* Arrays, the tag first, as in docs/wire-peer.md. Tags are never reused; those below are the router's. */
const tags = {
  survey: 16,
  prepare: 17,
  status: 18,
  copies: 19,
  cancel: 20,
  progress: 21,
  abort: 22,
} as const;
const firstTag = tags.survey;
/* Written as their index: new ones go to the end. */
const states: readonly RingNodeState[] = ['waiting', 'sending', 'ready', 'switched', 'cold'];

/** Is the body of a request one of these? */
export function isHandoffAsk(body: unknown): boolean {
  return Array.isArray(body) && typeof body[0] === 'number' && body[0] >= firstTag;
}

/** @returns a body for a peer's request */
export function packHandoffAsk(ask: HandoffAsk): readonly unknown[] {
  switch (ask.kind) {
    case 'survey':
      return [tags.survey, ask.plan.nodeId, ask.plan.weight];
    case 'prepare':
      return [tags.prepare, ask.changeId, ask.epoch, ask.plan.nodeId, ask.plan.weight];
    case 'copies':
      return [tags.copies, ask.changeId, ask.copies.map(packCopy)];
    case 'status':
    case 'cancel':
    case 'progress':
    case 'abort':
      return [tags[ask.kind], ask.changeId];
  }
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackHandoffAsk(body: unknown): HandoffAsk {
  const [tag, first, second, nodeId, weight] = list(body);
  switch (tag) {
    case tags.survey:
      return { kind: 'survey', plan: { nodeId: text(first), weight: count(second) } };
    case tags.prepare: {
      const plan = { nodeId: text(nodeId), weight: count(weight) };
      return { kind: 'prepare', changeId: text(first), epoch: count(second), plan };
    }
    case tags.status:
      return { kind: 'status', changeId: text(first) };
    case tags.copies:
      return { kind: 'copies', changeId: text(first), copies: list(second).map(unpackCopy) };
    case tags.cancel:
      return { kind: 'cancel', changeId: text(first) };
    case tags.progress:
      return { kind: 'progress', changeId: text(first) };
    case tags.abort:
      return { kind: 'abort', changeId: text(first) };
    default:
      throw new PeerFault('protocol', 'a request of an unknown kind');
  }
}

function packCopy({ entityId, base, version, marks, cells, isLast }: SentCopy): readonly unknown[] {
  const packed = cells.map(({ family, qualifier, value }) => [families.indexOf(family), qualifier, value]);
  return [entityId, base?.bytes ?? null, version.bytes, marks ?? null, packed, isLast ? 1 : 0];
}

function unpackCopy(value: unknown): SentCopy {
  const [entityId, base, version, marks, cells, isLast] = list(value);
  return {
    entityId: text(entityId),
    base: base === null ? undefined : rowVersion(base),
    version: rowVersion(version),
    marks,
    cells: list(cells).map(unpackCell),
    isLast: isLast === 1,
  };
}

function unpackCell(value: unknown): Cell {
  const [index, qualifier, bytes] = list(value);
  const family = families[count(index)];
  if (family === undefined) throw new PeerFault('protocol', 'a family was expected');
  return { family, qualifier: binary(qualifier), value: binary(bytes) };
}

export function packStatus(status: NodeStatus): readonly unknown[] {
  const { state, totalUsers, movedUsers, totalBytes, movedBytes } = status;
  return [states.indexOf(state), totalUsers, movedUsers, totalBytes, movedBytes];
}

/** @throws PeerFault */
export function unpackStatus(body: unknown): NodeStatus {
  const [state, totalUsers, movedUsers, totalBytes, movedBytes] = list(body);
  return {
    state: states[count(state)] ?? 'waiting',
    totalUsers: count(totalUsers),
    movedUsers: count(movedUsers),
    totalBytes: count(totalBytes),
    movedBytes: count(movedBytes),
  };
}

export function packFlows(flows: readonly SurveyedFlow[]): readonly unknown[] {
  return flows.map(({ to, users, bytes }) => [to, users, bytes]);
}

/** @throws PeerFault */
export function unpackFlows(body: unknown): readonly SurveyedFlow[] {
  return list(body).map((flow) => {
    const [to, users, bytes] = list(flow);
    return { to: text(to), users: count(users), bytes: count(bytes) };
  });
}

/** @throws PeerFault */
export function unpackIds(body: unknown): readonly string[] {
  return list(body).map(text);
}

/** As JSON, which operators get it in, too. @throws PeerFault */
export function unpackProgress(body: unknown): RingProgress | undefined {
  if (body === null) return undefined;
  try {
    // Of a node of this cluster, and passed on to operators as it is.
    return JSON.parse(text(body)) as RingProgress;
  } catch (cause) {
    throw new PeerFault('protocol', 'a progress was expected', { cause });
  }
}

function rowVersion(value: unknown): RowVersion {
  try {
    return decodeRowVersion(binary(value));
  } catch (error) {
    if (!(error instanceof RowVersionError)) throw error;
    throw new PeerFault('protocol', 'the version of a row was expected');
  }
}

/** Copied, as it is kept and the frame is not. */
function binary(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new PeerFault('protocol', 'bytes were expected');
  return Buffer.from(value);
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new PeerFault('protocol', 'an array was expected');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new PeerFault('protocol', 'a text was expected');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new PeerFault('protocol', 'a count was expected');
  }
  return value;
}
