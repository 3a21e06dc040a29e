import type { ChangeBatch } from '../actor/change-batch.ts';
import type { Announcement, AskedCards, Circular } from '../actor/group-host.ts';
import { isGroupCallName, type GroupCallName } from '../group/group-calls.ts';
import type { Told } from '../conversation/bulletin.ts';
import type { ToldMarks } from '../group/group-input.ts';
import type { Envelope } from '../mailbox/envelope.ts';
import { isCallName, type CallName } from '../mailbox/mailbox-calls.ts';
import { packEnvelope, unpackEnvelope } from '../peer/envelope-codec.ts';
import { packBulletin, packCircular, unpackBulletin, unpackCircular } from '../peer/group-codec.ts';
import { countOf, textOf } from '../peer/packed-items.ts';
import { PeerFault } from '../peer/peer-fault.ts';
import type { Change } from '../protocol/message.ts';

/** What a node asks of the owner of a user. */
export type PeerAsk =
  | { readonly kind: 'envelope'; readonly envelope: Envelope }
  /** A call taken in by a node that doesn't own the user. Its params were checked there. */
  | {
      readonly kind: 'call';
      readonly name: CallName;
      readonly params: unknown;
      /** Asked by a device of the user: it is taken from the user's rate. */
      readonly isCharged: boolean;
    }
  /** Send me the user's changes as notes. */
  | { readonly kind: 'watch' }
  /** To a group: the call of a user, whose params were checked. */
  | {
      readonly kind: 'groupCall';
      readonly name: GroupCallName;
      readonly from: string;
      readonly params: unknown;
      readonly isCharged: boolean;
    }
  /** To the node: news of a group for mailboxes that it owns. */
  | { readonly kind: 'tell'; readonly circular: Circular }
  /** To the node: what the group that this is for wants to know of some of its users. */
  | ({ readonly kind: 'cards' } & AskedCards)
  /** To a group: what a member's mailbox lacks. */
  | { readonly kind: 'memberNews'; readonly userId: string; readonly known: Told }
  /** To the node: the same of several of its groups, for the member that this is for. */
  | { readonly kind: 'newsOfAll'; readonly known: ReadonlyMap<string, Told> }
  /** To a group: how far a member has got. */
  | { readonly kind: 'groupMarks'; readonly userId: string; readonly marks: ToldMarks }
  /** To a group: tell this node what you have. */
  | { readonly kind: 'subscribe' }
  /** To the node: what a large group has, for those who listen there. */
  | { readonly kind: 'announce'; readonly announcement: Announcement }
  /** To a group: what a member sees of some messages. */
  | {
      readonly kind: 'groupRange';
      readonly userId: string;
      readonly above: number;
      readonly upTo: number;
    };

export type PeerNews =
  | { readonly kind: 'changes'; readonly batch: ChangeBatch }
  | { readonly kind: 'unwatch' }
  /** The sender has adopted the view of the note's epoch. */
  | { readonly kind: 'adopted' };

/* Arrays, the tag first, as in docs/wire-peer.md. Tags are never reused. */
const askTags = {
  ...{ envelope: 1, call: 2, watch: 3 },
  ...{ tell: 4, cards: 5, memberNews: 6, groupRange: 7, groupCall: 8 },
  groupMarks: 9,
  ...{ newsOfAll: 10, subscribe: 11, announce: 13 },
} as const;
const newsTags = { changes: 1, unwatch: 2, adopted: 3 } as const;

/** @returns a body for a peer's request */
export function packAsk(ask: PeerAsk): readonly unknown[] {
  switch (ask.kind) {
    case 'envelope':
      return [askTags.envelope, packEnvelope(ask.envelope)];
    case 'call':
      return [askTags.call, ask.name, ask.params, ...charge(ask)];
    case 'watch':
      return [askTags.watch];
    case 'groupCall':
      return [askTags.groupCall, ask.name, ask.from, ask.params, ...charge(ask)];
    case 'tell':
      return [askTags.tell, packCircular(ask.circular)];
    case 'cards':
      return [askTags.cards, ask.userIds, ask.about];
    case 'memberNews':
      return [askTags.memberNews, ask.userId, ask.known.seq, ask.known.op];
    case 'groupMarks': {
      const { deliveredSeq, readSeq, hiddenFrom } = ask.marks;
      return [askTags.groupMarks, ask.userId, deliveredSeq, readSeq, hiddenFrom];
    }
    case 'newsOfAll':
      return [askTags.newsOfAll, [...ask.known].map(([groupId, { seq, op }]) => [groupId, seq, op])];
    case 'subscribe':
      return [askTags.subscribe];
    case 'announce':
      return [askTags.announce, packBulletin(ask.announcement.bulletin), ask.announcement.except];
    case 'groupRange':
      return [askTags.groupRange, ask.userId, ask.above, ask.upTo];
  }
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackAsk(body: unknown): PeerAsk {
  const [tag, first, second, third, fourth] = arrayOf(body);
  switch (tag) {
    case askTags.envelope:
      return { kind: 'envelope', envelope: unpackEnvelope(first) };
    case askTags.call: {
      if (!isCallName(first)) throw new PeerFault('protocol', 'no such call');
      return { kind: 'call', name: first, params: second, isCharged: third === 1 };
    }
    case askTags.watch:
      return { kind: 'watch' };
    case askTags.groupCall: {
      if (!isGroupCallName(first)) throw new PeerFault('protocol', 'no such call');
      return { kind: 'groupCall', name: first, from: textOf(second), params: third, isCharged: fourth === 1 };
    }
    case askTags.tell:
      return { kind: 'tell', circular: unpackCircular(first) };
    case askTags.cards:
      return {
        kind: 'cards',
        userIds: arrayOf(first).map(textOf),
        about: second === undefined ? [] : arrayOf(second).map(textOf),
      };
    case askTags.memberNews:
      return {
        kind: 'memberNews',
        userId: textOf(first),
        known: { seq: countOf(second), op: countOf(third) },
      };
    case askTags.groupMarks: {
      const [deliveredSeq, readSeq] = [countOf(second), countOf(third)];
      const marks = { deliveredSeq, readSeq, hiddenFrom: arrayOf(fourth).map(textOf) };
      return { kind: 'groupMarks', userId: textOf(first), marks };
    }
    case askTags.newsOfAll: {
      const known = arrayOf(first).map((item): [string, Told] => {
        const [groupId, seq, op] = arrayOf(item);
        return [textOf(groupId), { seq: countOf(seq), op: countOf(op) }];
      });
      return { kind: 'newsOfAll', known: new Map(known) };
    }
    case askTags.subscribe:
      return { kind: 'subscribe' };
    case askTags.announce: {
      const except = arrayOf(second).map(textOf);
      return { kind: 'announce', announcement: { bulletin: unpackBulletin(first), except } };
    }
    case askTags.groupRange: {
      const [above, upTo] = [countOf(second), countOf(third)];
      return { kind: 'groupRange', userId: textOf(first), above, upTo };
    }
    default:
      throw new PeerFault('protocol', 'a request of an unknown kind');
  }
}

/** @returns a body for a peer's note */
export function packNews(news: PeerNews): readonly unknown[] {
  if (news.kind !== 'changes') return [newsTags[news.kind]];
  const { previous, head, changes, hasUnlisted } = news.batch;
  return [newsTags.changes, previous, head, changes, hasUnlisted ? 1 : 0];
}

/** @throws PeerFault where the body is nothing that this version knows */
export function unpackNews(body: unknown): PeerNews {
  const [tag, previous, head, changes, unlisted] = arrayOf(body);
  switch (tag) {
    case newsTags.changes:
      if (typeof previous !== 'string' || typeof head !== 'string' || !Array.isArray(changes)) {
        throw new PeerFault('protocol', 'changes were expected');
      }
      return {
        kind: 'changes',
        batch: {
          ...{ previous, head },
          // Of the same cluster, and passed on to clients as they are.
          changes: changes as Change[],
          // A node that does not say: at least where there is nothing else.
          hasUnlisted: unlisted === undefined ? changes.length === 0 : unlisted === 1,
        },
      };
    case newsTags.unwatch:
      return { kind: 'unwatch' };
    case newsTags.adopted:
      return { kind: 'adopted' };
    default:
      throw new PeerFault('protocol', 'a note of an unknown kind');
  }
}

function charge({ isCharged }: { readonly isCharged: boolean }): readonly 1[] {
  return isCharged ? [1] : [];
}

function arrayOf(body: unknown): readonly unknown[] {
  if (!Array.isArray(body)) throw new PeerFault('protocol', 'an array was expected');
  return body;
}
