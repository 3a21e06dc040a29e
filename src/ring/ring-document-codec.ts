import { Packr } from 'msgpackr';
import type { Member } from './member.ts';
import type { RemovalWindow, RingDocument } from './ring-document.ts';
import { RingError, RingView } from './ring-view.ts';

/*
 * Bytes: format (1) | MessagePack array
 *   [epoch, viewId, parentViewId or nil, members, removals, departed]
 *   members: [[nodeId, incarnation, weight, clientUrl, peerAddress], …]
 *   removals: [sinceEpoch, memberCount, removed]
 *   departed: [incarnation, …]
 * New fields go to the end of an array; readers pass over what they don't know.
 */
const format = 1;
const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeRingDocument(ring: RingDocument): Buffer {
  const { view, removals } = ring;
  const body = packr.pack([
    view.epoch,
    view.viewId,
    ring.parentViewId ?? null,
    view.members.map((member) => [
      ...[member.nodeId, member.incarnation, member.weight, member.clientUrl, member.peerAddress],
    ]),
    [removals.sinceEpoch, removals.memberCount, removals.removed],
    ring.departed,
  ]);
  return Buffer.concat([Buffer.of(format), body]);
}

/** @throws RingError where the bytes are no ring document of a known format */
export function decodeRingDocument(bytes: Buffer): RingDocument {
  if (bytes[0] !== format) throw new RingError(`ring document of unknown format ${String(bytes[0])}`);
  const [epoch, viewId, parentViewId, members, removals, departed] = list(unpacked(bytes.subarray(1)));
  return {
    view: new RingView({
      epoch: count(epoch),
      viewId: text(viewId),
      members: list(members).map(decodeMember),
    }),
    parentViewId: parentViewId === null ? undefined : text(parentViewId),
    removals: decodeRemovals(removals),
    departed: list(departed).map(text),
  };
}

function decodeMember(value: unknown): Member {
  const [nodeId, incarnation, weight, clientUrl, peerAddress] = list(value);
  return {
    nodeId: text(nodeId),
    incarnation: text(incarnation),
    weight: count(weight),
    clientUrl: text(clientUrl),
    peerAddress: text(peerAddress),
  };
}

function decodeRemovals(value: unknown): RemovalWindow {
  const [sinceEpoch, memberCount, removed] = list(value);
  return { sinceEpoch: count(sinceEpoch), memberCount: count(memberCount), removed: count(removed) };
}

function unpacked(bytes: Buffer): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new RingError('a ring document that is not MessagePack', { cause });
  }
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new RingError('a ring document: expected an array');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new RingError('a ring document: expected a text');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RingError('a ring document: expected a count');
  }
  return value;
}
