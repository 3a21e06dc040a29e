import { refusal } from '../protocol/protocol-error.ts';
import type { Cancel } from '../std/time.ts';
import { packReply } from './frame-codec.ts';
import type { FrameContent } from './frame-codec.ts';
import { frameOverheadBytes } from './frame-writer.ts';
import type { HandlerGate } from './handler-gate.ts';
import { LiveConnection } from './live-connection.ts';
import type { ContentFrame } from './live-connection.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerTerms } from './peer-limits.ts';
import type { PeerSocket } from './peer-network.ts';
import type { PeerHandler, PeerIdentity, PeerNote, PeerReply } from './peer-request.ts';
import type { PeerSetup } from './peer-setup.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendWindow } from './send-window.ts';

export interface AcceptedChannelOptions {
  readonly id: number;
  readonly peer: PeerIdentity;
  readonly setup: PeerSetup;
  readonly gate: HandlerGate;
  readonly handler: PeerHandler;
  /** The peer is gone for good, or was away for too long. */
  readonly forget: () => void;
}

type Lifecycle =
  | { readonly kind: 'open'; readonly connection: LiveConnection }
  | { readonly kind: 'away'; readonly unheardSinceMs: number; readonly cancelForget: Cancel }
  | { readonly kind: 'closed' };

/** One incarnation of a peer as its requests come in: each is taken once, over any number of connections. */
export class AcceptedChannel {
  readonly id: number;
  readonly peer: PeerIdentity;
  readonly #options: AcceptedChannelOptions;
  readonly #outgoing: SendWindow;
  readonly #incoming: ReceiveWindow;
  #state: Lifecycle;

  constructor(options: AcceptedChannelOptions) {
    this.id = options.id;
    this.peer = options.peer;
    this.#options = options;
    this.#outgoing = new SendWindow(options.setup.limits);
    this.#incoming = new ReceiveWindow(options.setup.limits);
    this.#state = this.#away(0);
  }

  get isAway(): boolean {
    return this.#state.kind === 'away';
  }

  /** For how long nothing has come, connected or not. */
  get unheardMs(): number {
    switch (this.#state.kind) {
      case 'open':
        return this.#state.connection.quietMs;
      case 'away':
        return this.#options.setup.time.monotonicMs() - this.#state.unheardSinceMs;
      case 'closed':
        return Infinity;
    }
  }

  /** Number of the last frame taken. */
  get received(): number {
    return this.#incoming.received;
  }

  canResume(received: number): boolean {
    return this.#outgoing.canResume(received);
  }

  /** Takes the place of the connection before, if there is one. Needs {@link canResume}. */
  open(socket: PeerSocket, received: number, terms: PeerTerms): LiveConnection {
    const { limits, time, tally } = this.#options.setup;
    this.#leave('superseded', 'the peer has connected again');
    this.#outgoing.resume(received, terms);
    const connection = new LiveConnection({
      socket,
      outgoing: this.#outgoing,
      incoming: this.#incoming,
      limits,
      time,
      tally,
      onContent: (frame, bytes) => this.#take(frame, bytes),
      onUnsendable: (id) =>
        this.#push(packReply(id, refusal('too_large', 'the reply is too large')), id, true),
      onLost: (fault) => this.#lost(fault),
    });
    this.#state = { kind: 'open', connection };
    return connection;
  }

  /** Ends it; replies that are not there yet go nowhere. */
  close(code: 'superseded' | 'stopping' | 'busy', text: string): void {
    this.#leave(code, text);
    this.#state = { kind: 'closed' };
    this.#outgoing.clear();
  }

  #leave(code: 'superseded' | 'stopping' | 'busy', text: string): void {
    if (this.#state.kind === 'open') this.#state.connection.close(code, text);
    else if (this.#state.kind === 'away') this.#state.cancelForget();
  }

  #away(unheardMs: number): Lifecycle {
    const { setup, forget } = this.#options;
    const { time, limits } = setup;
    return {
      kind: 'away',
      unheardSinceMs: time.monotonicMs() - unheardMs,
      cancelForget: time.after(limits.resumeMs, forget),
    };
  }

  #lost(fault: PeerFault): void {
    this.#state = this.#away(this.unheardMs);
    this.#options.setup.events.acceptedDown(this.peer, fault);
    if (fault.isRemote && fault.code === 'stopping') this.#options.forget();
  }

  #take(frame: ContentFrame, bytes: number): void {
    const { setup, gate } = this.#options;
    switch (frame.kind) {
      case 'reply':
        throw new PeerFault('protocol', 'a reply from the side that dialled');
      case 'note':
        setup.tally.notesReceived += 1;
        this.#note(frame.note);
        return;
      case 'request': {
        const { to, epoch, body } = frame.request;
        const deadline = setup.time.monotonicMs() + frame.remainingMs;
        setup.tally.requestsReceived += 1;
        const reply = (value: PeerReply): void => this.#reply(frame.id, value);
        if (!gate.submit({ request: { to, epoch, deadline, body }, from: this.peer, bytes, reply })) {
          setup.tally.overloaded += 1;
        }
      }
    }
  }

  /** A bug in what it sets off must end neither the connection nor, as nobody else would catch it, the process. */
  #note(note: PeerNote): void {
    const { handler, setup } = this.#options;
    try {
      handler.note(note, this.peer);
    } catch (error) {
      if (error instanceof PeerFault) throw error;
      setup.events.handlerFailed(error, this.peer);
    }
  }

  #reply(id: number, reply: PeerReply): void {
    if (this.#state.kind === 'closed') return;
    let content: FrameContent;
    try {
      content = packReply(id, reply);
    } catch (error) {
      this.#options.setup.events.handlerFailed(error, this.peer);
      content = packReply(id, refusal('internal', 'the peer has failed'));
    }
    if (content.bytes.length + frameOverheadBytes > this.#options.setup.limits.frameBytesMax) {
      content = packReply(id, refusal('too_large', 'the reply is too large for a frame'));
    }
    if (!this.#push(content, id, false)) {
      this.#options.setup.tally.overloaded += 1;
      this.#push(packReply(id, refusal('overloaded', 'too many replies wait for the peer')), id, true);
    }
    if (this.#state.kind === 'open') this.#state.connection.flushSoon();
  }

  /** Refusals go in also when the queue is full: they are small, and no more than the requests let in. */
  #push({ tag, bytes }: FrameContent, id: number, isRefusal: boolean): boolean {
    if (!isRefusal) return this.#outgoing.push({ tag, bytes, id });
    this.#outgoing.pushAnyway({ tag, bytes, id });
    return true;
  }
}
