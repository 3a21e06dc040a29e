import { outgoing } from '../conversation/outgoing-message.ts';
import { noteConfirmed } from '../mailbox/apply-draft.ts';
import type {
  CopiedMessage,
  DeliverReply,
  Envelope,
  EnvelopeReply,
  OperateReply,
  Owed,
} from '../mailbox/envelope.ts';
import type {
  MailboxAnswer,
  MailboxInput,
  MailboxQuery,
  MailboxResult,
  Sending,
} from '../mailbox/mailbox-behaviour.ts';
import { evictMessages } from '../mailbox/evict-messages.ts';
import { isRead, type CallName, type ParamsOf, type ResultOf } from '../mailbox/mailbox-calls.ts';
import { mailboxOverheadBytes, type CommittedChanges, type MailboxState } from '../mailbox/mailbox-state.ts';
import type { CopiedOperation, OutgoingOperation } from '../conversation/operation.ts';
import type { Operable } from '../mailbox/query-operable.ts';
import { headCursor } from '../mailbox/feed-head.ts';
import { wireCommit } from '../mailbox/wire-view.ts';
import type {
  DeleteMessageParams,
  DeleteMessageResult,
  EditMessageParams,
  EditMessageResult,
  SendMessageParams,
  SendMessageResult,
} from '../protocol/calls.ts';
import { dmIdOf, isGroupId, peerInDm } from '../protocol/conversation-id.ts';
import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import type { RowVersion } from '../row/row-version.ts';
import { accepted } from './accepted.ts';
import { Actor } from './actor.ts';
import type { Passed } from './behaviour.ts';
import type { ChangeBatch } from './change-batch.ts';
import type { Entity } from './entity.ts';
import { MailboxGroups } from './mailbox-groups.ts';
import { mailboxBehaviour, type MailboxTypes } from './mailbox-entity.ts';
import type { MailboxHost } from './mailbox-host.ts';
import { OutboxDriver } from './outbox-driver.ts';
import { OperationLane, type OperationHost } from './operation-lane.ts';
import { OutgoingLane, type LaneHost } from './outgoing-lane.ts';

type AnyCall = { [Name in CallName]: { readonly name: Name; readonly params: ParamsOf<Name> } }[CallName];

/** Nothing of what may be owed; the sender's own copies carry no marks. */
const nothingOwed: Owed = {
  ...{ previousSeq: 0, messages: [], previousOp: 0, operations: [] },
  marks: { delivered: 0, read: 0 },
};

/**
 * One user's mailbox on the node that owns it: the actor, the lanes of what the user sends, and the driver of
 * what is owed to others.
 */
export class Mailbox implements Entity, LaneHost, OperationHost {
  readonly kind = 'mailbox';
  readonly userId: string;
  readonly #host: MailboxHost;
  readonly #actor: Actor<MailboxTypes>;
  readonly #lanes = new Map<string, OutgoingLane>();
  readonly #operations = new Map<string, OperationLane>();
  readonly #outbox: OutboxDriver;
  readonly #groups: MailboxGroups;
  #published: string | undefined;

  constructor(userId: string, host: MailboxHost) {
    this.userId = userId;
    this.#host = host;
    this.#actor = new Actor<MailboxTypes>(userId, mailboxBehaviour(host.mailboxLimits), {
      store: host.store,
      time: host.time,
      tenure: host.tenure,
      limits: host.actorLimits,
      tally: host.tally,
      handoff: host.handoff,
      loads: host.loads,
      changed: (state, commit) => {
        this.#changed(state, commit);
      },
      lost: () => {
        this.#account();
        this.#outbox.lost();
      },
      alarm: (error, what) => {
        host.alarm(error, what);
      },
    });
    this.#outbox = new OutboxDriver(userId, this.#actor, host);
    this.#groups = new MailboxGroups(this, host);
  }

  get entityId(): string {
    return this.userId;
  }

  /** The durable state, where it is in memory. */
  get state(): MailboxState | undefined {
    return this.#actor.state;
  }

  get bytes(): number {
    return this.state?.bytes ?? mailboxOverheadBytes;
  }

  evict(step: number, recentSince: number): boolean {
    return this.state !== undefined && evictMessages(this.state, step, recentSince);
  }

  get isIdle(): boolean {
    const isSending = this.#lanes.size > 0 || this.#operations.size > 0;
    return this.#actor.isIdle && !isSending && this.#groups.isIdle && this.#outbox.isIdle;
  }

  /** The commit in flight, until it is over; undefined: none. */
  get writing(): Promise<unknown> | undefined {
    return this.#actor.writing;
  }

  /** What is in memory, to be sent ahead to another node; undefined: nothing, or more than so many bytes. */
  snapshot(bytesMax: number): RowCopy | undefined {
    return this.#actor.snapshot(bytesMax);
  }

  /** Brings into memory what another node has sent of it. */
  async revive(): Promise<void> {
    await this.#actor.revive();
    this.#account();
  }

  settleSoon(): void {
    this.#outbox.clearSoon();
  }

  leave(): void {
    this.#outbox.leave();
    this.#actor.forget();
    this.#account();
  }

  /**
   * Commits the row as it is, unless this node has committed it since it took over. What a former owner has
   * committed late comes to light then, and it cannot commit anything later.
   */
  async claim(deadline: number): Promise<void> {
    if (!this.#actor.isClaimed) await this.submit({ kind: 'claim' }, deadline);
  }

  async wake(deadline: number): Promise<void> {
    await this.#actor.query({ kind: 'call', name: 'account', params: null }, deadline);
  }

  async submit(input: MailboxInput, deadline: number): Promise<Exclude<MailboxResult, Refusal>> {
    return accepted(await this.#actor.submit(input, deadline));
  }

  async query(query: MailboxQuery, deadline: number): Promise<Exclude<MailboxAnswer, Refusal>> {
    const answer = await this.#actor.query(query, deadline);
    this.#account();
    return accepted(answer);
  }

  /** What its user asks. Rejects with ProtocolError. */
  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>> {
    return this.#answer({ name, params } as AnyCall, deadline);
  }

  #answer({ name, params }: AnyCall, deadline: number): Promise<object> {
    if (name === 'sendMessage') return this.#send(params, deadline);
    if (name === 'editMessage') return this.#edit(params, deadline);
    if (name === 'deleteMessage') return this.#delete(params, deadline);
    if (name === 'getChanges') return this.#groups.changes(params, deadline);
    const call = { kind: 'call', name, params } as const;
    const read = (): Promise<object> => this.query(call as MailboxQuery, deadline);
    if (name === 'getConversations') return this.#groups.read(read, deadline);
    if (isRead(name)) return read();
    const isMark = name === 'markRead' || name === 'markDelivered';
    return isMark && isGroupId(params.conversationId)
      ? this.#groups.mark(params.conversationId, call as MailboxInput, deadline)
      : this.submit(call as MailboxInput, deadline);
  }

  /** Sends into one conversation keep their order. */
  #send(params: SendMessageParams, deadline: number): Promise<SendMessageResult> {
    const { conversationId } = params;
    const peer = peerInDm(conversationId, this.userId);
    if (peer === undefined) return Promise.reject(new ProtocolError('not_found', 'no such conversation'));
    const send = { message: outgoing(params), sinceEpoch: this.#host.tenure.epoch() };
    return this.#lane(conversationId, peer).send(send, deadline);
  }

  /** Hears what large groups tell those who listen on the feed. */
  get groups(): MailboxGroups {
    return this.#groups;
  }

  passAtOnce(input: MailboxInput, stored: RowVersion | undefined): Passed<MailboxTypes> | undefined {
    return this.#actor.passAtOnce(input, stored);
  }

  async #edit(params: EditMessageParams, deadline: number): Promise<EditMessageResult> {
    const { seq } = params;
    return { seq, editedAt: await this.#operate({ kind: 'edit', ...params }, deadline) };
  }

  async #delete(params: DeleteMessageParams, deadline: number): Promise<DeleteMessageResult> {
    const { seq } = params;
    return { seq, deletedAt: await this.#operate({ kind: 'delete', text: '', ...params }, deadline) };
  }

  #operate(
    { conversationId, ...operation }: OutgoingOperation & { readonly conversationId: string },
    deadline: number,
  ): Promise<number> {
    const peer = peerInDm(conversationId, this.userId);
    if (peer === undefined) throw new ProtocolError('not_found', 'no such conversation');
    let lane = this.#operations.get(conversationId);
    if (lane === undefined) {
      lane = new OperationLane(conversationId, peer, this, this.#host.time, this.#host.sendingLimits);
      this.#operations.set(conversationId, lane);
    }
    return lane.operate(operation, deadline);
  }

  /** What another mailbox sent. Rejects with ProtocolError. */
  async accept(envelope: Envelope, deadline: number): Promise<EnvelopeReply> {
    if (dmIdOf(envelope.from, this.userId) !== envelope.conversationId) {
      throw new ProtocolError('not_found', 'no such conversation');
    }
    switch (envelope.kind) {
      case 'deliver':
      case 'operate':
      case 'copy':
        return (await this.submit(envelope, deadline)) as EnvelopeReply;
      case 'missing':
        return (await this.query(envelope, deadline)) as EnvelopeReply;
      case 'confirm': {
        const conversation = this.state?.conversations.get(envelope.conversationId);
        if (conversation !== undefined) noteConfirmed(conversation.outbox, envelope.confirmed);
        return { kind: 'noted' };
      }
    }
  }

  async sending(conversationId: string, sinceEpoch: number, deadline: number): Promise<Sending> {
    const sending = (await this.query({ kind: 'sending', conversationId }, deadline)) as Sending;
    this.#checkOwner(sinceEpoch);
    if (!this.#hasRoomFor(conversationId)) {
      throw new ProtocolError('forbidden', 'you have too many conversations to begin another one');
    }
    return sending;
  }

  /** A copy could not be written elsewhere: before anything is committed at the peer is the time to say so. */
  #checkOwner(sinceEpoch: number): void {
    const { tenure } = this.#host;
    const isOwn = tenure.mayServe(this.userId, this.state?.version).kind !== 'wrongOwner';
    if (isOwn && tenure.keeps(this.userId, sinceEpoch)) return;
    throw new ProtocolError('moved', 'another node serves this user now');
  }

  async deliver(
    to: string,
    envelope: Extract<Envelope, { kind: 'deliver' }>,
    deadline: number,
  ): Promise<DeliverReply> {
    return (await this.#host.envelopes.request(to, envelope, deadline)) as DeliverReply;
  }

  /** The copy would open a conversation, and is never refused: so what would lead to it is. */
  #hasRoomFor(conversationId: string): boolean {
    const { state } = this;
    if (state === undefined) return true;
    const known = state.conversations;
    if (known.has(conversationId)) return true;
    let size = known.size + state.groups.size;
    for (const sendingTo of this.#lanes.keys()) {
      if (sendingTo === conversationId) break;
      if (!known.has(sendingTo)) size++;
    }
    return size < this.#host.mailboxLimits.conversationsMax;
  }

  reserveCopy(): boolean {
    return this.#actor.reserve();
  }

  releaseCopy(): void {
    this.#actor.release();
  }

  copy(
    conversationId: string,
    peer: string,
    peerName: string,
    previousSeq: number,
    messages: readonly CopiedMessage[],
  ): void {
    const owed = { ...nothingOwed, previousSeq, messages };
    this.#outbox.copy({ kind: 'copy', conversationId, from: peer, fromName: peerName, owed });
  }

  copyOperations(
    conversationId: string,
    peer: string,
    previousOp: number,
    operations: readonly CopiedOperation[],
  ): void {
    const owed = { ...nothingOwed, previousOp, operations };
    this.#outbox.copy({ kind: 'copy', conversationId, from: peer, fromName: '', owed });
  }

  async operable(conversationId: string, seqs: readonly number[], deadline: number): Promise<Operable> {
    this.#checkOwner(this.#host.tenure.epoch());
    return (await this.query({ kind: 'operable', conversationId, seqs }, deadline)) as Operable;
  }

  fetch(conversationId: string, peer: string, deadline: number): Promise<void> {
    return this.#outbox.fetch(conversationId, peer, deadline);
  }

  async operate(
    conversationId: string,
    peer: string,
    operations: readonly OutgoingOperation[],
    deadline: number,
  ): Promise<OperateReply> {
    const envelope = { kind: 'operate', conversationId, from: this.userId, operations } as const;
    return (await this.#host.envelopes.request(peer, envelope, deadline)) as OperateReply;
  }

  catchUpOperations(conversationId: string, peer: string): void {
    this.#outbox.fetchMissing(conversationId, peer);
  }

  operationsAreIdle(conversationId: string): void {
    this.#operations.delete(conversationId);
  }

  catchUp(conversationId: string, peer: string, seq: number): void {
    const known = this.state?.conversations.get(conversationId)?.head.ownSeq ?? 0;
    if (seq > known) this.#outbox.fetchMissing(conversationId, peer);
  }

  #lane(conversationId: string, peer: string): OutgoingLane {
    let lane = this.#lanes.get(conversationId);
    if (lane === undefined) {
      lane = new OutgoingLane(conversationId, peer, this, this.#host.time, this.#host.sendingLimits);
      this.#lanes.set(conversationId, lane);
    }
    return lane;
  }

  /** A lane whose last send is answered is of no use any more. */
  laneIsIdle(conversationId: string): void {
    this.#lanes.delete(conversationId);
  }

  #changed(state: MailboxState, commit: CommittedChanges | undefined): void {
    if (this.#host.isWatched(this.userId)) {
      const batch = this.#batchOf(state, commit);
      this.#published = batch.head;
      this.#host.publish(this.userId, batch);
    } else {
      this.#published = headCursor(state);
      if (commit && !commit.ahead) this.#host.unheard(this.userId, commit.hasUnlisted);
    }
    // Nothing was written.
    if (commit?.ahead !== undefined) return;
    this.#account();
    this.#outbox.changed(state, commit !== undefined);
    this.#groups.changed(state);
  }

  /** Reads take memory too: what they fetch from the store is kept. */
  #account(): void {
    this.#host.accounted(this.userId, this.bytes);
  }

  /**
   * A load, or a copy that slotted in below what is in memory, publishes the head without changes: whoever
   * stands lower reads on from its own cursor (G8).
   */
  #batchOf(state: MailboxState, commit: CommittedChanges | undefined): ChangeBatch {
    const previous = this.#published;
    const changes = commit && previous !== undefined ? wireCommit(state, commit) : undefined;
    if (commit === undefined || previous === undefined || changes === undefined) {
      const head = headCursor(state);
      return { previous: head, head, changes: [], hasUnlisted: true };
    }
    // Behind what nothing was written for stands the last of it.
    const last = commit.ahead === undefined ? undefined : changes.at(-1);
    return { previous, head: last?.cursor ?? headCursor(state), changes, hasUnlisted: commit.hasUnlisted };
  }
}
