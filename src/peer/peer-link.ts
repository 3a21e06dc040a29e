import { refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel } from '../std/time.ts';
import { DialerGreeting } from './dialer-greeting.ts';
import { packNote, packRequest } from './frame-codec.ts';
import type { FrameContent } from './frame-codec.ts';
import { frameOverheadBytes } from './frame-writer.ts';
import type { FramedSocket } from './framed-socket.ts';
import type { Greeted } from './handshake.ts';
import type { Attachment } from './handshake-codec.ts';
import { LiveConnection } from './live-connection.ts';
import type { ContentFrame } from './live-connection.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerAddress } from './peer-network.ts';
import type { PeerIdentity, PeerNote, PeerReply, PeerRequest } from './peer-request.ts';
import type { PeerSetup } from './peer-setup.ts';
import { PendingRequests } from './pending-requests.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendWindow } from './send-window.ts';

/** What a link does at the moment; what it holds is in its state. */
type Lifecycle =
  | { readonly kind: 'dialing'; readonly greeting: DialerGreeting }
  | { readonly kind: 'open'; readonly connection: LiveConnection; readonly sinceMs: number }
  | { readonly kind: 'pausing'; readonly cancel: Cancel }
  | { readonly kind: 'closed' };

/** A start of a node of the cluster, and where its peer port is. */
export interface PeerMember extends PeerIdentity {
  readonly address: PeerAddress;
}

/** Since when a link is down, and whether requests may still wait for it. */
type Outage =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly cancel: Cancel }
  | { readonly kind: 'givenUp' };

/**
 * The way to one peer: requests and notes go out in order over one connection that this side dials, again and again,
 * until {@link close}. While the peer stays the same incarnation, a break of the connection is not noticed but by
 * its delay; else what was under way fails as `unavailable`.
 */
export class PeerLink {
  readonly nodeId: string;
  readonly #setup: PeerSetup;
  readonly #pending: PendingRequests;
  readonly #outgoing: SendWindow;
  readonly #incoming: ReceiveWindow;
  #member: PeerMember;
  #state: Lifecycle = { kind: 'closed' };
  #outage: Outage = { kind: 'none' };
  /** The channel that is on, or may be resumed. */
  #channel: { readonly id: number; readonly incarnation: string } | undefined;
  /** Of the wire format, as agreed at the last connect; 0 before the first one. */
  #version = 0;
  #failures = 0;
  #lastId = 0;
  #isRetiring = false;
  /** When the last byte came, or this link was made. */
  #heardMs: number;
  /** When the first one was, of the dials that were refused one after the other. */
  #refusedSinceMs: number | undefined;

  constructor(member: PeerMember, setup: PeerSetup) {
    this.nodeId = member.nodeId;
    this.#member = member;
    this.#setup = setup;
    this.#pending = new PendingRequests(setup.time);
    this.#outgoing = new SendWindow(setup.limits);
    this.#incoming = new ReceiveWindow(setup.limits);
    this.#heardMs = setup.time.monotonicMs();
    this.#beginOutage();
    this.#dial();
  }

  get kind(): Lifecycle['kind'] {
    return this.#state.kind;
  }

  /** The incarnation that answers; undefined: none does. */
  get answering(): string | undefined {
    return this.#state.kind === 'open' ? this.#channel?.incarnation : undefined;
  }

  /** For how long nothing has come from this start of the peer, connected or not; Infinity where another one answers. */
  unheardMs(incarnation: string): number {
    if (this.#state.kind !== 'open') return this.#setup.time.monotonicMs() - this.#heardMs;
    return this.answering === incarnation ? this.#state.connection.quietMs : Infinity;
  }

  /** For how long all dials have found nobody listening; undefined: the last one was not refused. */
  get refusedMs(): number | undefined {
    if (this.#refusedSinceMs === undefined) return undefined;
    return this.#setup.time.monotonicMs() - this.#refusedSinceMs;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get version(): number {
    return this.#version;
  }

  /** Never rejects. `unavailable` leaves open whether the peer has done it. */
  request(request: PeerRequest): Promise<PeerReply> {
    const { time, tally, limits } = this.#setup;
    const nowMs = time.monotonicMs();
    if (request.deadline <= nowMs)
      return Promise.resolve(refusal('unavailable', 'no time is left to ask a peer'));
    if (this.#pending.size >= limits.pendingMax) return Promise.resolve(this.#overloaded());
    const id = this.#lastId + 1;
    const refusedAs = this.#enqueue(packRequest(id, request), request.deadline);
    if (refusedAs !== undefined) return Promise.resolve(refusedAs);
    tally.requestsSent += 1;
    return this.#pending.add(id, request.deadline, nowMs);
  }

  /** undefined: on its way. It is lost where the peer's incarnation ends, or the link is down for too long. */
  note(note: PeerNote): Refusal | undefined {
    const refused = this.#enqueue(packNote(note));
    if (refused === undefined) this.#setup.tally.notesSent += 1;
    return refused;
  }

  /**
   * The peer is this start of its node from now on, and to be found there. What was refused before says nothing of a later
   * start: that is dialled at once, and not taken for ended by what its predecessor left. An open connection stays, except to
   * a start that has been replaced, and may not know it.
   */
  redirect(member: PeerMember): void {
    const { address, incarnation } = member;
    const before = this.#member;
    const isThere = before.address.host === address.host && before.address.port === address.port;
    if (isThere && before.incarnation === incarnation) return;
    this.#member = member;
    this.#refusedSinceMs = undefined;
    this.#failures = 0;
    if (this.#state.kind === 'open' && this.answering !== incarnation) {
      this.#state.connection.lost(new PeerFault('stopping', 'another start of this node is in the view'));
      this.#failSent();
    }
    if (this.#state.kind === 'dialing') this.#state.greeting.abandon();
    else if (this.#state.kind === 'pausing') this.#state.cancel();
    else return;
    this.#dial();
  }

  /** Takes nothing more, waits for replies up to `drainMs` where somebody may give them, and closes. */
  async retire(drainMs: number): Promise<void> {
    this.#isRetiring = true;
    if (this.#refusedSinceMs !== undefined) {
      this.close();
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#setup.time.after(drainMs, resolve);
      this.#pending.whenEmpty(() => {
        cancel();
        resolve();
      });
    });
    this.close();
  }

  close(): void {
    const state = this.#state;
    this.#isRetiring = true;
    this.#state = { kind: 'closed' };
    if (state.kind === 'dialing') state.greeting.abandon();
    else if (state.kind === 'pausing') state.cancel();
    else if (state.kind === 'open') state.connection.close('stopping', 'the node is leaving');
    this.#endOutage();
    this.#abandonChannel('the link to the peer was closed');
  }

  /** Puts a frame in the queue under the next id. */
  #enqueue(content: FrameContent, deadline?: number): Refusal | undefined {
    if (this.#isRetiring) return refusal('unavailable', 'the peer is leaving the cluster');
    if (this.#outage.kind === 'givenUp') return refusal('unavailable', 'the peer is not reachable');
    if (content.bytes.length + frameOverheadBytes > this.#setup.limits.frameBytesMax) {
      return refusal('too_large', 'too large for a frame to a peer');
    }
    const frame = { tag: content.tag, bytes: content.bytes, id: this.#lastId + 1, deadline };
    if (!this.#outgoing.push(frame)) return this.#overloaded();
    this.#lastId += 1;
    if (this.#state.kind === 'open') this.#state.connection.flushSoon();
    return undefined;
  }

  #overloaded(): Refusal {
    this.#setup.tally.overloaded += 1;
    return refusal('overloaded', 'too much is waiting for a peer', {
      retryAfterMs: this.#setup.limits.heartbeatMs,
    });
  }

  #dial(): void {
    const { network, time, tally, limits, handshake } = this.#setup;
    const greeting = new DialerGreeting({
      network,
      time,
      tally,
      context: handshake,
      nodeId: this.nodeId,
      address: this.#member.address,
      connectMs: limits.connectMs,
      offer: (peer) => this.#offer(peer),
      greeted: (framed, greeted) => this.#open(framed, greeted),
      failed: (fault) => {
        tally.failedConnects += 1;
        this.#refusedSinceMs = fault.isRefusal ? (this.#refusedSinceMs ?? time.monotonicMs()) : undefined;
        this.#pause(fault);
      },
    });
    this.#state = { kind: 'dialing', greeting };
  }

  #offer(peer: PeerIdentity): Attachment {
    const terms = this.#setup.limits;
    return this.#channel?.incarnation === peer.incarnation
      ? { terms, channel: this.#channel.id, received: this.#incoming.received }
      : { terms, channel: 0, received: 0 };
  }

  #open(framed: FramedSocket, { peer, version, terms, channel, received }: Greeted): void {
    const { time, tally, limits, events } = this.#setup;
    this.#refusedSinceMs = undefined;
    if (this.#channel?.id === channel && this.#channel.incarnation === peer.incarnation) {
      if (!this.#outgoing.canResume(received)) {
        this.#abandonChannel('the peer has lost count');
        throw new PeerFault('protocol', `cannot resume after frame ${received}`);
      }
      this.#outgoing.resume(received, terms);
    } else {
      if (this.#channel !== undefined) this.#failSent();
      this.#outgoing.restart(terms);
      this.#incoming.restart();
      this.#channel = { id: channel, incarnation: peer.incarnation };
    }
    this.#version = version;
    this.#endOutage();
    const connection = new LiveConnection({
      socket: framed.socket,
      outgoing: this.#outgoing,
      incoming: this.#incoming,
      limits,
      time,
      tally,
      onContent: (frame) => this.#take(frame),
      onUnsendable: (id) =>
        this.#pending.settle(id, refusal('too_large', 'too large for a frame to this peer')),
      onLost: (fault) => this.#lost(fault),
    });
    framed.accept(connection, limits.frameBytesMax);
    this.#state = { kind: 'open', connection, sinceMs: time.monotonicMs() };
    tally.connects += 1;
    events.linkUp(peer);
    connection.flushSoon();
  }

  #take(frame: ContentFrame): void {
    if (frame.kind !== 'reply')
      throw new PeerFault('protocol', `a ${frame.kind} from the side that was dialled`);
    this.#pending.settle(frame.id, frame.reply);
  }

  #lost(fault: PeerFault): void {
    const { time, limits } = this.#setup;
    const isStable =
      this.#state.kind === 'open' && time.monotonicMs() - this.#state.sinceMs > limits.heartbeatMs;
    if (isStable) this.#failures = 0;
    const quietMs = this.#state.kind === 'open' ? this.#state.connection.quietMs : 0;
    this.#heardMs = time.monotonicMs() - quietMs;
    if (fault.isRemote && fault.code === 'stopping') this.#failSent();
    this.#beginOutage();
    this.#pause(fault);
  }

  #pause(fault: PeerFault): void {
    const { time, random, limits, events } = this.#setup;
    const { reconnectFirstMs, reconnectMaxMs } = limits;
    const backoff = { baseMs: reconnectFirstMs, maxMs: reconnectMaxMs };
    const waitMs = backoffDelayMs(backoff, this.#failures, random);
    this.#failures += 1;
    const cancel = time.after(waitMs, () => this.#dial());
    this.#state = { kind: 'pausing', cancel };
    events.linkDown(this.nodeId, fault, this.#failures);
  }

  #beginOutage(): void {
    const { time, limits } = this.#setup;
    const cancel = time.after(limits.patienceMs, () => {
      this.#outage = { kind: 'givenUp' };
      this.#abandonChannel('the peer is not reachable');
    });
    this.#outage = { kind: 'waiting', cancel };
  }

  #endOutage(): void {
    if (this.#outage.kind === 'waiting') this.#outage.cancel();
    this.#outage = { kind: 'none' };
  }

  /** All that is under way or waits fails; the next connection starts a new channel. */
  #abandonChannel(why: string): void {
    this.#pending.settleAll(refusal('unavailable', why));
    this.#outgoing.clear();
    this.#forgetChannel();
  }

  /** What the peer may have seen fails; what was never sent goes to its next incarnation. */
  #failSent(): void {
    const firstWaitingId = this.#outgoing.firstWaitingId ?? Infinity;
    this.#pending.settleBelow(firstWaitingId, refusal('unavailable', 'the peer has started anew'));
    this.#outgoing.forgetSent();
    this.#forgetChannel();
  }

  #forgetChannel(): void {
    if (this.#channel === undefined) return;
    this.#channel = undefined;
    this.#setup.tally.resets += 1;
    this.#setup.events.linkReset(this.nodeId);
  }
}
