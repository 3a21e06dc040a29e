import type { Bulletin, MemberNews, Told } from '../conversation/bulletin.ts';
import type { ToldMarks } from '../group/group-input.ts';
import type { Message } from '../protocol/message.ts';
import type { Envelope, EnvelopeReply } from '../mailbox/envelope.ts';
import type { MailboxLimits } from '../mailbox/mailbox-state.ts';
import type { ChangeBatch } from './change-batch.ts';
import type { EntityHost } from './entity-host.ts';

/** How an actor reaches another one, wherever that lives. Rejects with ProtocolError. */
export interface EnvelopePort {
  request(to: string, envelope: Envelope, deadline: number): Promise<EnvelopeReply>;
}

/**
 * How a mailbox asks the groups of its user, wherever they live. Rejects with ProtocolError: `not_found` where the
 * user is no member.
 */
export interface GroupPort {
  /** What the group has beside what this mailbox knows. */
  news(groupId: string, userId: string, known: Told, deadline: number): Promise<MemberNews>;
  /**
   * The same of several groups, by their ids; asked in one go of each node. Of groups that the user is out of nothing
   * comes back.
   */
  newsOfAll(
    userId: string,
    known: ReadonlyMap<string, Told>,
    deadline: number,
  ): Promise<readonly MemberNews[]>;
  /**
   * Asks a large group to tell this node what it has, as long as it is asked again from time to time.
   * @returns how far it is
   */
  subscribe(groupId: string, deadline: number): Promise<Bulletin>;
  /** The user's marks have come this far. */
  mark(groupId: string, userId: string, marks: ToldMarks, deadline: number): Promise<void>;
  /** What the user sees of the messages with `above < seq <= upTo`, oldest first: at most `groupReadMax` at once, and of
   * long ones fewer, the first. */
  range(
    groupId: string,
    userId: string,
    bounds: { readonly above: number; readonly upTo: number },
    deadline: number,
  ): Promise<readonly Message[]>;
}

/** What sees to that everything owed to a peer gets there (G5). Times in ms. */
export interface OutboxTiming {
  /** A sender that has not confirmed its copies by then is asked, and gets them sent. */
  readonly settleAfterMs: number;
  /** Longest pause between two tries. */
  readonly retryMaxMs: number;
  /** Cells of conversations in which nothing is owed are cleared after this quiet. */
  readonly clearAfterMs: number;
  /** A sender's last confirmation goes out on its own after this, if no envelope has carried it. */
  readonly confirmAfterMs: number;
  /** The peer is told of marks that have moved after this: those that move meanwhile go along. */
  readonly tellAfterMs: number;
  /** The same of groups. */
  readonly tellGroupsAfterMs: number;
}

/** Limits of what one mailbox lets wait. */
export interface SendingLimits {
  /** Sends that wait in one conversation. */
  readonly waitingMax: number;
  /** Messages in one envelope. */
  readonly envelopeMax: number;
  /** For work that nobody waits for (copies, confirmations), ms. */
  readonly backgroundDeadlineMs: number;
}

/** What this node hears of large groups, for those of its users on whose feeds somebody listens. */
export interface FollowPort {
  /** From now on it is these that the user's mailbox wants to hear of. */
  follow(userId: string, groupIds: ReadonlySet<string>): void;
  /** Has the group, as far as it has told this node, nothing more than this? */
  isCurrent(groupId: string, told: Told): boolean;
}

/** Everything a mailbox needs from the node around it. */
export interface MailboxHost extends EntityHost {
  readonly envelopes: EnvelopePort;
  readonly groups: GroupPort;
  readonly follows: FollowPort;
  readonly mailboxLimits: MailboxLimits;
  readonly sendingLimits: SendingLimits;
  readonly outboxTiming: OutboxTiming;
  /** Does anybody listen on this user's feed here? */
  isWatched(userId: string): boolean;
  /** A commit changed the mailbox while nobody listened; `hasUnlisted` as in a batch. */
  unheard(userId: string, hasUnlisted: boolean): void;
  /** Changes that are durable, for whoever listens on this user. */
  publish(userId: string, batch: ChangeBatch): void;
}
