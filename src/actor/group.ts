import type { Bulletin, MemberNews, Told } from '../conversation/bulletin.ts';
import { outgoing } from '../conversation/outgoing-message.ts';
import type { OutgoingOperation } from '../conversation/operation.ts';
import { noteOwnKnown } from '../group/apply-group-draft.ts';
import { evictGroupMessages } from '../group/evict-group-messages.ts';
import { everything } from '../group/fan-out-mark.ts';
import type { GroupAnswer, GroupQuery } from '../group/group-behaviour.ts';
import type { GroupCallName, GroupParamsOf, GroupResultOf, MemberIds } from '../group/group-calls.ts';
import type { GroupInput, GroupResult, ToldMarks } from '../group/group-input.ts';
import { groupOverheadBytes, type GroupState } from '../group/group-state.ts';
import type {
  CreateGroupParams,
  CreateGroupResult,
  DeleteMessageParams,
  DeleteMessageResult,
  EditMessageParams,
  EditMessageResult,
  GetMembersParams,
  GetMembersResult,
  GetMessagesParams,
  GetMessagesResult,
  LeaveGroupParams,
  MembersParams,
  MembersResult,
  RenameGroupParams,
  SendMessageParams,
  SendMessageResult,
  SetRoleParams,
} from '../protocol/calls.ts';
import type { Message } from '../protocol/message.ts';
import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import { accepted } from './accepted.ts';
import { Actor } from './actor.ts';
import type { Entity } from './entity.ts';
import { groupBehaviour, type GroupTypes } from './group-entity.ts';
import { GroupBroadcast } from './group-broadcast.ts';
import { checkNamed, checkNewcomers, checkSize } from './newcomers.ts';
import { GroupFanOut } from './group-fan-out.ts';
import type { GroupHost } from './group-host.ts';
import { LostCommits } from './lost-commits.ts';

type ResultOf<Kind extends GroupResult['kind']> = Exclude<Extract<GroupResult, { kind: Kind }>, Refusal>;
type AnswerOf<Kind extends GroupAnswer['kind']> = Exclude<Extract<GroupAnswer, { kind: Kind }>, Refusal>;

function unexpected(kind: string): ProtocolError {
  return new ProtocolError('internal', `unexpected answer ${kind}`);
}

const noMarks = { deliveredSeq: 0, readSeq: 0 };

const served: {
  readonly [Name in GroupCallName]: (
    group: Group,
    from: string,
    params: GroupParamsOf<Name>,
    deadline: number,
  ) => Promise<GroupResultOf<Name>>;
} = {
  createGroup: (group, from, params, deadline) => group.create(from, params, deadline),
  addMembers: (group, from, params, deadline) => group.add(from, params, deadline),
  removeMembers: (group, from, params, deadline) => group.remove(from, params, deadline),
  leaveGroup: (group, from, params, deadline) => group.leaveGroup(from, params, deadline),
  renameGroup: (group, from, params, deadline) => group.rename(from, params, deadline),
  setRole: (group, from, params, deadline) => group.setRole(from, params, deadline),
  getMembers: (group, from, params, deadline) => group.members(from, params, deadline),
  memberIds: (group, from, params, deadline) => group.memberIds(from, params.limit, deadline),
  sendMessage: (group, from, params, deadline) => group.send(from, params, deadline),
  editMessage: (group, from, params, deadline) => group.edit(from, params, deadline),
  deleteMessage: (group, from, params, deadline) => group.delete(from, params, deadline),
  getMessages: (group, from, params, deadline) => group.messages(from, params, deadline),
};

/**
 * One group on the node that owns it: the actor, which gives every message its place, and the fan-out to the
 * mailboxes of the members. `from` is the member who asks. Every call rejects with ProtocolError; all of them with
 * `not_found` where `from` is no member.
 */
export class Group implements Entity {
  readonly kind = 'group';
  readonly entityId: string;
  readonly #host: GroupHost;
  readonly #actor: Actor<GroupTypes>;
  readonly #lost: LostCommits;
  readonly #fanOut: GroupFanOut;
  readonly #broadcast: GroupBroadcast;
  /** Calls under way, which may wait for others between two uses of the actor: it must not leave memory meanwhile. */
  #calls = 0;

  constructor(groupId: string, host: GroupHost) {
    this.entityId = groupId;
    this.#host = host;
    this.#actor = new Actor<GroupTypes>(groupId, groupBehaviour(host.groupLimits), {
      store: host.store,
      time: host.time,
      tenure: host.tenure,
      limits: host.actorLimits,
      tally: host.tally,
      handoff: host.handoff,
      loads: host.loads,
      changed: (state, commit) => {
        if (commit !== undefined) this.#lost.clear();
        this.#account();
        this.#fanOut.changed(state);
        this.#broadcast.changed();
      },
      lost: () => {
        this.#account();
        this.#lost.add();
      },
      alarm: (error, what) => {
        host.alarm(error, what);
      },
    });
    const { time, random, fanOutTiming, actorLimits } = host;
    this.#lost = new LostCommits({
      ...{ time, random, ...fanOutTiming },
      claim: () => this.#actor.submit({ kind: 'claim' }, time.monotonicMs() + actorLimits.commitDeadlineMs),
    });
    this.#fanOut = new GroupFanOut(groupId, this.#actor, host, this.#lost);
    this.#broadcast = new GroupBroadcast(groupId, this.#actor, host);
  }

  get state(): GroupState | undefined {
    return this.#actor.state;
  }

  get bytes(): number {
    return this.state?.bytes ?? groupOverheadBytes;
  }

  get isIdle(): boolean {
    const isSettled = this.#lost.isNone && this.#fanOut.isIdle && this.#broadcast.isIdle;
    return this.#calls === 0 && this.#actor.isIdle && isSettled;
  }

  evict(step: number, recentSince: number): boolean {
    return this.state !== undefined && evictGroupMessages(this.state, step, recentSince);
  }

  settleSoon(): void {
    // What was lost is tried again in its own time, as each try costs a load. After long the sweep may find what is owed.
    if (this.#lost.isLong && this.state === undefined && this.#actor.isIdle) {
      this.#lost.clear();
      this.#fanOut.leave();
    } else this.#fanOut.settleSoon();
  }

  leave(): void {
    this.#lost.clear();
    this.#fanOut.leave();
    this.#broadcast.leave();
    this.#actor.forget();
    this.#account();
  }

  get writing(): Promise<unknown> | undefined {
    return this.#actor.writing;
  }

  snapshot(bytesMax: number): RowCopy | undefined {
    return this.#actor.snapshot(bytesMax);
  }

  async revive(): Promise<void> {
    await this.#actor.revive();
  }

  async wake(deadline: number): Promise<void> {
    await this.#query({ kind: 'bulletin', above: everything }, 'bulletin', deadline);
  }

  /** What a user asks who is, or is not, a member. */
  async call<Name extends GroupCallName>(
    name: Name,
    from: string,
    params: GroupParamsOf<Name>,
    deadline: number,
  ): Promise<GroupResultOf<Name>> {
    this.#calls++;
    try {
      return await served[name](this, from, params, deadline);
    } finally {
      this.#calls--;
    }
  }

  async create(from: string, params: CreateGroupParams, deadline: number): Promise<CreateGroupResult> {
    const { groupLimits } = this.#host;
    checkNamed(params.members, this.#host);
    const { requestId } = params;
    const { isMade } = await this.#query({ kind: 'made', from, requestId }, 'made', deadline);
    // Who asks again finds the group, whatever has become of those who were to be in it.
    if (!isMade) {
      const userIds = [...new Set([from, ...params.members])];
      checkSize(userIds.length, groupLimits);
      const isLarge = userIds.length > groupLimits.fanOutMembersMax;
      const newcomers = { groupId: this.entityId, from, userIds, isLarge, growing: [] };
      await checkNewcomers(newcomers, this.#host, deadline);
    }
    await this.#changeMembers({ kind: 'create', from, ...params }, deadline);
    return { conversationId: this.entityId };
  }

  async add(from: string, { members }: MembersParams, deadline: number): Promise<MembersResult> {
    checkNamed(members, this.#host);
    const asked = { kind: 'newcomers', from, members } as const;
    const { members: userIds, ...size } = await this.#query(asked, 'newcomers', deadline);
    checkSize(userIds.length, this.#host.groupLimits);
    await checkNewcomers({ groupId: this.entityId, from, userIds, ...size }, this.#host, deadline);
    return this.#changeMembers({ kind: 'add', from, members }, deadline);
  }

  async remove(from: string, { members }: MembersParams, deadline: number): Promise<MembersResult> {
    checkNamed(members, this.#host);
    return this.#changeMembers({ kind: 'remove', from, members }, deadline);
  }

  async leaveGroup(from: string, _params: LeaveGroupParams, deadline: number): Promise<object> {
    await this.#changeMembers({ kind: 'leave', from }, deadline);
    return {};
  }

  async rename(from: string, { name }: RenameGroupParams, deadline: number): Promise<object> {
    await this.#submit({ kind: 'rename', from, name }, 'done', deadline);
    return {};
  }

  async setRole(from: string, { userId, role }: SetRoleParams, deadline: number): Promise<object> {
    await this.#submit({ kind: 'setRole', from, userId, role }, 'done', deadline);
    return {};
  }

  async send(from: string, params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const message = outgoing(params);
    const { seq, timestamp, duplicate } = await this.#submit(
      { kind: 'send', from, message },
      'sent',
      deadline,
    );
    const { conversationId, messageId } = params;
    return { conversationId, messageId, seq, timestamp, duplicate };
  }

  async edit(from: string, params: EditMessageParams, deadline: number): Promise<EditMessageResult> {
    const { seq, text, messageId } = params;
    return { seq, editedAt: await this.#operate(from, { kind: 'edit', seq, text, messageId }, deadline) };
  }

  async delete(from: string, params: DeleteMessageParams, deadline: number): Promise<DeleteMessageResult> {
    const { seq, messageId } = params;
    const operation = { kind: 'delete', seq, text: '', messageId } as const;
    return { seq, deletedAt: await this.#operate(from, operation, deadline) };
  }

  async messages(from: string, params: GetMessagesParams, deadline: number): Promise<GetMessagesResult> {
    return (await this.#query({ kind: 'messages', from, params }, 'page', deadline)).page;
  }

  async members(
    from: string,
    { limit, offset }: GetMembersParams,
    deadline: number,
  ): Promise<GetMembersResult> {
    const roster = await this.#query({ kind: 'roster', from, limit, offset }, 'roster', deadline);
    const userIds = roster.members.map(({ userId }) => userId);
    const asked = { userIds: [from, ...userIds], about: [from, ...userIds] };
    const [own, ...cards] = await this.#host.members.cards(this.entityId, asked, deadline);
    const members = roster.members.map(({ userId, role }, index) => {
      const { name = '', deliveredSeq = 0, readSeq = 0, blocks = [] } = cards[index] ?? {};
      // Between two of whom one has blocked the other there are no receipts.
      const isHidden = blocks.includes(from) || own?.blocks.includes(userId) === true;
      return { userId, name, role, ...(isHidden ? noMarks : { deliveredSeq, readSeq }) };
    });
    return { members, hasMore: roster.hasMore };
  }

  async memberIds(from: string, limit: number, deadline: number): Promise<MemberIds> {
    const roster = await this.#query({ kind: 'roster', from, limit, offset: 0 }, 'roster', deadline);
    return { userIds: roster.members.map(({ userId }) => userId), hasMore: roster.hasMore };
  }

  /** A member's mailbox tells how far its user has got. */
  async mark(from: string, marks: ToldMarks, deadline: number): Promise<void> {
    await this.#submit({ kind: 'marks', from, ...marks }, 'done', deadline);
  }

  /** What one member's mailbox lacks that knows all up to `known`. */
  async news(userId: string, known: Told, deadline: number): Promise<MemberNews> {
    const { news } = await this.#query({ kind: 'memberNews', userId, known }, 'memberNews', deadline);
    if (this.state !== undefined) noteOwnKnown(this.state, userId, known.seq);
    return news;
  }

  /** From now on the node is told, for a while, what the group has. @returns how far it is */
  async subscribe(nodeId: string, deadline: number): Promise<Bulletin> {
    const { bulletin } = await this.#query({ kind: 'bulletin', above: everything }, 'bulletin', deadline);
    if (bulletin?.large === undefined) throw new ProtocolError('not_found', 'no such large group');
    this.#broadcast.subscribe(nodeId, bulletin);
    return bulletin;
  }

  /** What one member sees of the messages with `above < seq <= upTo`, oldest first. */
  async range(
    from: string,
    bounds: { readonly above: number; readonly upTo: number },
    deadline: number,
  ): Promise<readonly Message[]> {
    return (await this.#query({ kind: 'range', from, ...bounds }, 'range', deadline)).messages;
  }

  /** @returns when it was done, epoch ms */
  async #operate(from: string, operation: OutgoingOperation, deadline: number): Promise<number> {
    return (await this.#submit({ kind: 'operate', from, operation }, 'operated', deadline)).at;
  }

  /** Answers when the mailboxes of those who come or go know of it, or after a while all the same. */
  async #changeMembers(input: GroupInput, deadline: number): Promise<MembersResult> {
    const { members, affected } = await this.#submit(input, 'members', deadline);
    await this.#fanOut.told(affected, deadline);
    return { members };
  }

  async #submit<Kind extends Exclude<GroupResult['kind'], 'refused'>>(
    input: GroupInput,
    kind: Kind,
    deadline: number,
  ): Promise<ResultOf<Kind>> {
    const result = accepted(await this.#actor.submit(input, deadline));
    if (result.kind !== kind) throw unexpected(result.kind);
    return result as ResultOf<Kind>;
  }

  async #query<Kind extends Exclude<GroupAnswer['kind'], 'refused'>>(
    query: GroupQuery,
    kind: Kind,
    deadline: number,
  ): Promise<AnswerOf<Kind>> {
    const answer = accepted(await this.#actor.query(query, deadline));
    if (answer.kind !== kind) throw unexpected(answer.kind);
    return answer as AnswerOf<Kind>;
  }

  #account(): void {
    this.#host.accounted(this.entityId, this.bytes);
  }
}
