import { Packr } from 'msgpackr';
import type { Member } from './member.ts';
import type {
  Assignment,
  Lingering,
  PendingChange,
  RemovalWindow,
  Removed,
  RingDocument,
} from './ring-document.ts';
import { RingError, RingView } from './ring-view.ts';

/*
 * Bytes: format (1) | MessagePack array
 *   [epoch, viewId, parentViewId or nil, members, removals, departed, lingering, pending or nil, assignments]
 *   members: [[nodeId, incarnation, weight, clientUrl, peerAddress], …]
 *   removals: [sinceEpoch, memberCount, used, [[nodeId, incarnation, used], …]]
 *   departed: [incarnation, …]
 *   lingering: [[incarnation or nil, sinceEpoch], …]
 *   pending: [changeId, kind, nodeId, weight, coordinator, epoch, phase]
 *   assignments: [[nodeId, weight, service], …]
 * New fields go to the end of an array; readers pass over what they don't know, and lose it where they write the next
 * document: a pending change is void then, a weight that was assigned is forgotten while its node is away, a removal counts to
 * the end of its window. The last two, and the last of `removals`, came after the first release and may be missing.
 */
const format = 1;
/* Written as their index: new ones go to the end. */
const kinds = ['join', 'drain', 'weight', 'arrival', 'stop'] as const;
const phases = ['preparing', 'settling'] as const;
const services = ['in', 'drained', 'removed'] as const;
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
    encodeRemovals(removals),
    ring.departed,
    ring.lingering.map(({ incarnation, sinceEpoch }) => [incarnation ?? null, sinceEpoch]),
    ring.pending ? encodePending(ring.pending) : null,
    ring.assignments.map(({ nodeId, weight, service }) => [nodeId, weight, services.indexOf(service)]),
  ]);
  return Buffer.concat([Buffer.of(format), body]);
}

/** @throws RingError where the bytes are no ring document of a known format */
export function decodeRingDocument(bytes: Buffer): RingDocument {
  if (bytes[0] !== format) throw new RingError(`ring document of unknown format ${String(bytes[0])}`);
  const fields = list(unpacked(bytes.subarray(1)));
  const [epoch, viewId, parentViewId, members, removals, departed, lingering, pending, assignments] = fields;
  return {
    view: new RingView({
      epoch: count(epoch),
      viewId: text(viewId),
      members: list(members).map(decodeMember),
    }),
    parentViewId: optionalText(parentViewId),
    removals: decodeRemovals(removals),
    departed: list(departed).map(text),
    lingering: list(lingering).map(decodeLingering),
    pending: pending === undefined || pending === null ? undefined : decodePending(pending),
    assignments: list(assignments ?? []).map(decodeAssignment),
  };
}

function encodeRemovals({ sinceEpoch, memberCount, used, removed }: RemovalWindow): readonly unknown[] {
  return [sinceEpoch, memberCount, used, removed.map((one) => [one.nodeId, one.incarnation, one.used])];
}

function encodePending(change: PendingChange): readonly unknown[] {
  const { changeId, kind, nodeId, weight, coordinator, epoch, phase } = change;
  return [changeId, kinds.indexOf(kind), nodeId, weight, coordinator, epoch, phases.indexOf(phase)];
}

function decodePending(value: unknown): PendingChange {
  const [changeId, kind, nodeId, weight, coordinator, epoch, phase] = list(value);
  return {
    changeId: text(changeId),
    kind: oneOf(kinds, kind),
    nodeId: text(nodeId),
    weight: count(weight),
    coordinator: text(coordinator),
    epoch: count(epoch),
    phase: oneOf(phases, phase),
  };
}

function decodeAssignment(value: unknown): Assignment {
  const [nodeId, weight, service] = list(value);
  return { nodeId: text(nodeId), weight: count(weight), service: oneOf(services, service) };
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
  const [sinceEpoch, memberCount, used, removed] = list(value);
  return {
    sinceEpoch: count(sinceEpoch),
    memberCount: count(memberCount),
    used: count(used),
    removed: list(removed ?? []).map(decodeRemoved),
  };
}

function decodeRemoved(value: unknown): Removed {
  const [nodeId, incarnation, used] = list(value);
  return { nodeId: text(nodeId), incarnation: text(incarnation), used: count(used) };
}

function decodeLingering(value: unknown): Lingering {
  const [incarnation, sinceEpoch] = list(value);
  return { incarnation: optionalText(incarnation), sinceEpoch: count(sinceEpoch) };
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

function optionalText(value: unknown): string | undefined {
  return value === null ? undefined : text(value);
}

function oneOf<Name extends string>(names: readonly Name[], value: unknown): Name {
  const name = names[count(value)];
  if (name === undefined) throw new RingError('a ring document: a name of a later version');
  return name;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RingError('a ring document: expected a count');
  }
  return value;
}
