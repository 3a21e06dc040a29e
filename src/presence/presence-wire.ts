import { countOf, Items, textOf } from '../peer/packed-items.ts';
import { PeerFault } from '../peer/peer-fault.ts';
import type { Typing } from '../protocol/calls.ts';
import type { PresenceState } from './presence-port.ts';

/** Asks a node about those of its users; it tells of changes until it is told to stop, or asked anew. */
export interface AttendAsk {
  /** Of the node that asks; unique in its incarnation. */
  readonly watchId: number;
  /** Who wants to know, and the groups of that user. */
  readonly watcher: string;
  readonly groupIds: readonly string[];
  readonly userIds: readonly string[];
}

/**
 * What a node says of one of its users. Of two of the same incarnation the one with the greater `stamp` is the later
 * one, in whichever order they come.
 */
export interface Sighting extends PresenceState {
  readonly userId: string;
  readonly stamp: number;
}

export type PresenceNews =
  | { readonly kind: 'unattend'; readonly watchId: number }
  /** To the node where they are watched. */
  | { readonly kind: 'seen'; readonly sighting: Sighting; readonly watchIds: readonly number[] }
  /** To the owner of these users. */
  | { readonly kind: 'typing'; readonly typing: Typing; readonly userIds: readonly string[] }
  /** To a node that serves devices of the user that the note is for. */
  | { readonly kind: 'typed'; readonly typing: Typing };

/* Arrays, the tag first, as in docs/wire-peer.md. Tags are never reused; those not here are the router's and hand-off's. */
const attendTag = 12;
const newsTags = { unattend: 8, seen: 9, typing: 10, typed: 11 } as const;

function tagOf(body: unknown): unknown {
  return Array.isArray(body) ? body[0] : undefined;
}

/** Is the body of a request one of these? */
export function isPresenceAsk(body: unknown): boolean {
  return tagOf(body) === attendTag;
}

/** Is the body of a note one of these? */
export function isPresenceNews(body: unknown): boolean {
  return Object.values(newsTags).some((tag) => tag === tagOf(body));
}

/** @returns a body for a peer's request */
export function packAttend({ watchId, watcher, groupIds, userIds }: AttendAsk): readonly unknown[] {
  return [attendTag, watchId, watcher, groupIds, userIds];
}

/** @throws PeerFault where the body is something else */
export function unpackAttend(body: unknown): AttendAsk {
  const items = new Items(body);
  if (items.count() !== attendTag) throw new PeerFault('protocol', 'a request of an unknown kind');
  const [watchId, watcher] = [items.count(), items.text()];
  const [groupIds, userIds] = [items.list(textOf), items.list(textOf)];
  return { watchId, watcher, groupIds, userIds };
}

function packSighting({ userId, online, lastSeen, stamp }: Sighting): readonly unknown[] {
  return [userId, online ? 1 : 0, lastSeen, stamp];
}

function unpackSighting(body: unknown): Sighting {
  const items = new Items(body);
  const [userId, online, lastSeen, stamp] = [items.text(), items.count(), items.count(), items.count()];
  return { userId, online: online === 1, lastSeen, stamp };
}

/** The body of the reply to an attend. */
export function packSightings(sightings: readonly Sighting[]): readonly unknown[] {
  return sightings.map(packSighting);
}

/** @throws PeerFault where the body is something else */
export function unpackSightings(body: unknown): readonly Sighting[] {
  return new Items([body]).list(unpackSighting);
}

function packTyping({ conversationId, userId, on }: Typing): readonly unknown[] {
  return [conversationId, userId, on ? 1 : 0];
}

function unpackTyping(body: unknown): Typing {
  const items = new Items(body);
  return { conversationId: items.text(), userId: items.text(), on: items.count() === 1 };
}

/** @returns a body for a peer's note */
export function packPresenceNews(news: PresenceNews): readonly unknown[] {
  switch (news.kind) {
    case 'unattend':
      return [newsTags.unattend, news.watchId];
    case 'seen':
      return [newsTags.seen, packSighting(news.sighting), news.watchIds];
    case 'typing':
      return [newsTags.typing, packTyping(news.typing), news.userIds];
    case 'typed':
      return [newsTags.typed, packTyping(news.typing)];
  }
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackPresenceNews(body: unknown): PresenceNews {
  const [tag, first, second] = Array.isArray(body) ? (body as readonly unknown[]) : [];
  const rest = new Items([second]);
  switch (tag) {
    case newsTags.unattend:
      return { kind: 'unattend', watchId: countOf(first) };
    case newsTags.seen:
      return { kind: 'seen', sighting: unpackSighting(first), watchIds: rest.list(countOf) };
    case newsTags.typing:
      return { kind: 'typing', typing: unpackTyping(first), userIds: rest.list(textOf) };
    case newsTags.typed:
      return { kind: 'typed', typing: unpackTyping(first) };
    default:
      throw new PeerFault('protocol', 'a note of an unknown kind');
  }
}
