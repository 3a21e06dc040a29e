import { AcceptedChannel } from './accepted-channel.ts';
import { AcceptorGreeting } from './acceptor-greeting.ts';
import { HandlerGate } from './handler-gate.ts';
import type { Greeted } from './handshake.ts';
import type { Attachment } from './handshake-codec.ts';
import type { LiveConnection } from './live-connection.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerAddress, PeerListener, PeerSocket, PeerSocketEvents } from './peer-network.ts';
import type { PeerHandler, PeerIdentity } from './peer-request.ts';
import type { PeerSetup } from './peer-setup.ts';

const keyOf = ({ nodeId, incarnation }: PeerIdentity): string => `${nodeId}/${incarnation}`;

const ignored: PeerSocketEvents = {
  connected: () => undefined,
  data: () => undefined,
  closed: () => undefined,
};

/** Takes the links of all other nodes to this one, and hands their requests to the handler. */
export class PeerServer {
  readonly #setup: PeerSetup;
  readonly #handler: PeerHandler;
  readonly #gate: HandlerGate;
  readonly #greetings = new Set<AcceptorGreeting>();
  /** By peer and incarnation, least recently connected first. */
  readonly #channels = new Map<string, AcceptedChannel>();
  #listener: PeerListener | undefined;
  #lastChannelId = 0;
  #isClosed = false;

  constructor(setup: PeerSetup, handler: PeerHandler) {
    this.#setup = setup;
    this.#handler = handler;
    const { limits, time, events } = setup;
    this.#gate = new HandlerGate({
      handler,
      limits,
      time,
      failed: (error, from) => events.handlerFailed(error, from),
    });
  }

  /** @returns where it listens; @throws where that is not possible */
  async listen(address: PeerAddress): Promise<PeerAddress> {
    this.#listener = await this.#setup.network.listen(address, {
      accepted: (socket) => this.#accept(socket),
      failed: (cause) =>
        this.#setup.events.acceptedDown(undefined, new PeerFault('network', cause.message, { cause })),
    });
    return this.#listener.address;
  }

  /** Peers that are connected now. */
  *peers(): Iterable<PeerIdentity> {
    for (const channel of this.#channels.values()) if (!channel.isAway) yield channel.peer;
  }

  /** For how long nothing came from that process over connections of its own, ms; Infinity where that is forgotten. */
  unheardMs(peer: PeerIdentity): number {
    return this.#channels.get(keyOf(peer))?.unheardMs ?? Infinity;
  }

  /** Has that process a connection to this one? */
  isConnectedWith(peer: PeerIdentity): boolean {
    return this.#channels.get(keyOf(peer))?.isAway === false;
  }

  /** Accepts no more, refuses new requests, sends the replies that are ready within `drainMs`, and says goodbye. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    for (const greeting of [...this.#greetings])
      greeting.lost(new PeerFault('stopping', 'the node is stopping'));
    await Promise.all([this.#listener?.close(), this.#gate.close(drainMs)]);
    for (const channel of this.#channels.values()) channel.close('stopping', 'the node is stopping');
    this.#channels.clear();
  }

  #accept(socket: PeerSocket): PeerSocketEvents {
    const { time, tally, limits, handshake, events } = this.#setup;
    if (this.#isClosed || this.#greetings.size >= limits.greetingsMax) {
      socket.destroy();
      events.acceptedDown(undefined, new PeerFault('busy', 'too many connections in their handshake'));
      return ignored;
    }
    const greeting = new AcceptorGreeting(socket, {
      time,
      tally,
      context: handshake,
      connectMs: limits.connectMs,
      frameBytesMax: limits.frameBytesMax,
      proven: (greeted) => this.#admit(greeted),
      over: (fault) => {
        this.#greetings.delete(greeting);
        if (fault !== undefined) events.acceptedDown(undefined, fault);
      },
    });
    this.#greetings.add(greeting);
    return greeting.framed;
  }

  #admit(greeted: Greeted): { attachment: Attachment; open: (socket: PeerSocket) => LiveConnection } {
    const resumable = this.#resumable(greeted);
    const channel = resumable ?? this.#create(greeted.peer);
    const received = resumable === undefined ? 0 : greeted.received;
    return {
      attachment: { terms: this.#setup.limits, channel: channel.id, received: channel.received },
      open: (socket) => channel.open(socket, received, greeted.terms),
    };
  }

  #resumable({ peer, channel: id, received }: Greeted): AcceptedChannel | undefined {
    const key = keyOf(peer);
    const channel = this.#channels.get(key);
    if (channel?.id !== id || !channel.canResume(received)) return undefined;
    this.#channels.delete(key);
    this.#channels.set(key, channel); // the most recent one now
    return channel;
  }

  #create(peer: PeerIdentity): AcceptedChannel {
    const key = keyOf(peer);
    const before = this.#channels.get(key);
    if (before !== undefined) {
      before.close('superseded', 'the peer has begun a new channel');
      this.#channels.delete(key);
    }
    this.#makeRoom();
    // Also where there was none before: notes that waited too long for the first connection were dropped.
    this.#handler.reset(peer);
    this.#lastChannelId += 1;
    const channel: AcceptedChannel = new AcceptedChannel({
      id: this.#lastChannelId,
      peer,
      setup: this.#setup,
      gate: this.#gate,
      handler: this.#handler,
      forget: () => {
        channel.close('superseded', 'away for too long');
        this.#forget(channel);
      },
    });
    this.#channels.set(key, channel);
    return channel;
  }

  #makeRoom(): void {
    if (this.#channels.size < this.#setup.limits.channelsMax) return;
    for (const channel of this.#channels.values()) {
      if (!channel.isAway) continue;
      channel.close('busy', 'too many channels');
      this.#forget(channel);
      return;
    }
    throw new PeerFault('busy', 'too many channels');
  }

  #forget(channel: AcceptedChannel): void {
    const key = keyOf(channel.peer);
    if (this.#channels.get(key) !== channel) return;
    this.#channels.delete(key);
    this.#handler.reset(channel.peer);
  }
}
