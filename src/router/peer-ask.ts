import type { ChangeBatch } from '../actor/change-batch.ts';
import type { Envelope } from '../mailbox/envelope.ts';
import { isCallName, type CallName } from '../mailbox/mailbox-calls.ts';
import { packEnvelope, unpackEnvelope } from '../peer/envelope-codec.ts';
import { PeerFault } from '../peer/peer-fault.ts';
import type { Change } from '../protocol/message.ts';

/** What a node asks of the owner of a user. */
export type PeerAsk =
  | { readonly kind: 'envelope'; readonly envelope: Envelope }
  /** A client's call, taken in by a node that doesn't own the user. Its params were checked there. */
  | { readonly kind: 'call'; readonly name: CallName; readonly params: unknown }
  /** Send me the user's changes as notes. */
  | { readonly kind: 'watch' };

export type PeerNews =
  | { readonly kind: 'changes'; readonly batch: ChangeBatch }
  | { readonly kind: 'unwatch' }
  /** The sender has adopted the view of the note's epoch. */
  | { readonly kind: 'adopted' };

/* Arrays, the tag first, as in docs/wire-peer.md. Tags are never reused. */
const askTags = { envelope: 1, call: 2, watch: 3 } as const;
const newsTags = { changes: 1, unwatch: 2, adopted: 3 } as const;

/** @returns a body for a peer's request */
export function packAsk(ask: PeerAsk): readonly unknown[] {
  switch (ask.kind) {
    case 'envelope':
      return [askTags.envelope, packEnvelope(ask.envelope)];
    case 'call':
      return [askTags.call, ask.name, ask.params];
    case 'watch':
      return [askTags.watch];
  }
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackAsk(body: unknown): PeerAsk {
  const [tag, first, second] = arrayOf(body);
  switch (tag) {
    case askTags.envelope:
      return { kind: 'envelope', envelope: unpackEnvelope(first) };
    case askTags.call: {
      if (!isCallName(first)) throw new PeerFault('protocol', 'no such call');
      return { kind: 'call', name: first, params: second };
    }
    case askTags.watch:
      return { kind: 'watch' };
    default:
      throw new PeerFault('protocol', 'a request of an unknown kind');
  }
}

/** @returns a body for a peer's note */
export function packNews(news: PeerNews): readonly unknown[] {
  if (news.kind !== 'changes') return [newsTags[news.kind]];
  const { previous, head, changes } = news.batch;
  return [newsTags.changes, previous, head, changes];
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackNews(body: unknown): PeerNews {
  const [tag, previous, head, changes] = arrayOf(body);
  switch (tag) {
    case newsTags.changes:
      if (typeof previous !== 'string' || typeof head !== 'string' || !Array.isArray(changes)) {
        throw new PeerFault('protocol', 'changes were expected');
      }
      // Of the same cluster, and passed on to clients as they are.
      return { kind: 'changes', batch: { previous, head, changes: changes as Change[] } };
    case newsTags.unwatch:
      return { kind: 'unwatch' };
    case newsTags.adopted:
      return { kind: 'adopted' };
    default:
      throw new PeerFault('protocol', 'a note of an unknown kind');
  }
}

function arrayOf(body: unknown): readonly unknown[] {
  if (!Array.isArray(body)) throw new PeerFault('protocol', 'an array was expected');
  return body;
}
