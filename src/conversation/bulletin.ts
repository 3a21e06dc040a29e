import type { GroupMessage } from './group-message.ts';
import type { OwnRuns } from './own-runs.ts';

/**
 * What a group tells the mailboxes of its members, which keep an index entry each. It may come late, twice or not at
 * all: receivers go by `lastSeq`, `event`, `op` and `receipt`, and skip what is not newer than what they have.
 */
export interface Bulletin {
  readonly groupId: string;
  readonly name: string;
  /** Number of the last event (created, renamed, members changed) that this knows of; it only grows. */
  readonly event: number;
  /** The last message that this knows of, and what the list shows of it; 0 and '' before the first. */
  readonly lastSeq: number;
  readonly lastTimestamp: number;
  readonly lastFrom: string;
  readonly snippet: string;
  /** Contiguous up to `lastSeq`. Every receiver knows of its own messages below the first of these. */
  readonly messages: readonly GroupMessage[];
  /** Number of the last edit or deletion that this knows of; all messages here are as they were by then, or later. */
  readonly op: number;
  /** Messages that were changed, of each the last time, up to `op`. Every receiver knows of those before. */
  readonly changed: readonly GroupMessage[];
  /** Number of the last receipt that this knows of. */
  readonly receipt: number;
  /** Of members whose marks have moved, the last one of each. Every receiver knows of those before. */
  readonly receipts: readonly Receipt[];
  /** The group is small enough to be told of marks, and to tell of them. */
  readonly takesReceipts: boolean;
  /** Of a large group, whose mailboxes ask, and are told nothing more but of their own comings and goings. */
  readonly large?: {
    /** `changed` has all that were changed after this op. Receivers may know less, and have to ask then. */
    readonly opAbove: number;
  };
}

/** How far a member has got and read. */
export interface Receipt {
  readonly userId: string;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** One more each time that the marks of any member of the group have moved. */
  readonly number: number;
  /** Members whom this one has blocked: they are not told. */
  readonly hiddenFrom: readonly string[];
}

/** Whether a user belongs to a group since an event. The one with the greater event counts, whatever comes late. */
export type Enrolment =
  | {
      readonly kind: 'joined';
      readonly event: number;
      /** The group's last seq at that time: what lies above it is new to the member. */
      readonly seq: number;
      /** Nothing at or below `seq` is shown to the member. */
      readonly sinceJoin: boolean;
      /**
       * In a large group: seqs of the member's own messages, at least of all those that its mailbox does not know of.
       * Some may lie above the bulletin's `lastSeq`.
       */
      readonly own?: OwnRuns;
    }
  | { readonly kind: 'left'; readonly event: number };

/** How far a mailbox has what its group has: the last message, and the last edit or deletion. */
export interface Told {
  readonly seq: number;
  readonly op: number;
}

/** What a group tells one member: beside the news what it owes to this one alone. */
export interface MemberNews {
  readonly kind: 'groupNews';
  readonly bulletin: Bulletin;
  readonly enrolment?: Enrolment;
  /** The group has more messages than this tells of. */
  readonly isPartial?: true;
}

/** What a group wants to know of a user. */
export interface MemberCard {
  readonly name: string;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** The user has as many conversations as there may be, and is in no group more. */
  readonly isFull: boolean;
  /** The user is in as many other large groups as there may be. */
  readonly isInManyLarge: boolean;
  /** Of the users it was asked about, those whom this one has blocked. */
  readonly blocks: readonly string[];
}
