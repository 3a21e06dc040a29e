import type { Bulletin, MemberCard, Enrolment } from '../conversation/bulletin.ts';
import type { GroupLimits } from '../group/group-state.ts';
import type { EntityHost } from './entity-host.ts';

/** News for the mailboxes of some users, all on one node. */
export interface Circular {
  readonly bulletin: Bulletin;
  readonly userIds: readonly string[];
  /** Of those of them who came or went. */
  readonly enrolments: ReadonlyMap<string, Enrolment>;
}

/** Whose cards, and whom of the users `about` they have blocked. */
export interface AskedCards {
  readonly userIds: readonly string[];
  readonly about: readonly string[];
}

/** What a large group tells a node, for those of its members who listen there. */
export interface Announcement {
  readonly bulletin: Bulletin;
  /** Members whose mailboxes may not know of their last coming or going: they have to ask. */
  readonly except: readonly string[];
}

/** How a group reaches the mailboxes of its members, wherever they live. */
export interface MemberPort {
  /** The node that owns the user's mailbox, by the view in force. */
  nodeOf(userId: string): string;
  /** @returns those whose mailboxes may not have it durable. Rejects with ProtocolError */
  tell(nodeId: string, circular: Circular, deadline: number): Promise<readonly string[]>;
  /** @returns false: nobody listens there. Rejects with ProtocolError */
  announce(nodeId: string, announcement: Announcement, deadline: number): Promise<boolean>;
  /** In the order asked, as far as it concerns the users `about`; undefined: no such user. Rejects with ProtocolError. */
  cards(groupId: string, asked: AskedCards, deadline: number): Promise<readonly (MemberCard | undefined)[]>;
}

/** Times in ms. */
export interface FanOutTiming {
  /** First and longest pause after a mailbox could not be told. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Cells that say what is owed are cleared after this quiet. */
  readonly clearAfterMs: number;
  /** How long who changes members waits for the mailboxes of those who come or go to know of it. */
  readonly enrolmentWaitMs: number;
  /** For one round to one node. */
  readonly roundMs: number;
  /** Receipts wait so long for each other. */
  readonly receiptAfterMs: number;
}

/** Of what nodes are told of large groups. Times in ms. */
export interface FollowTiming {
  /** A node asks again after this. */
  readonly renewMs: number;
  /** A group forgets a node that has not asked again by then. */
  readonly lastsMs: number;
  /** First and longest pause after a node could not be told, or a group not be asked. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** For one question, or one bulletin. */
  readonly askMs: number;
}

/** Everything a group needs from the node around it. */
export interface GroupHost extends EntityHost {
  readonly members: MemberPort;
  readonly groupLimits: GroupLimits;
  readonly fanOutTiming: FanOutTiming;
  readonly followTiming: FollowTiming;
}
