import type { ViewChange } from '../../src/membership/membership-event.ts';
import type { PeerNote, PeerReply, PeerRequest } from '../../src/peer/peer-request.ts';
import type { Refusal } from '../../src/protocol/protocol-error.ts';
import type { RingView } from '../../src/ring/ring-view.ts';
import { ClusterRouter } from '../../src/router/cluster-router.ts';
import { unpackAsk, unpackNews } from '../../src/router/peer-ask.ts';
import type { OwnerLinks } from '../../src/router/owner-calls.ts';
import type { RingPort } from '../../src/router/ring-port.ts';
import type { Cancel } from '../../src/std/time.ts';
import { MailboxRig, type RigOptions } from './mailbox-rig.ts';
import { memberOf, viewOf } from './ring-parts.ts';

/** Node n1 as its router sees the ring and the links; what it sends to others is kept in `sent`. */
export class RouterRig {
  readonly rig: MailboxRig;
  readonly router: ClusterRouter;
  readonly ring: RingPort;
  readonly links: OwnerLinks;
  /** As in `n2 watch ann`: requests and notes in their order. */
  readonly sent: string[] = [];
  view: RingView = viewOf(6, [memberOf(1)]);
  /** What n1 has owned without a break since then. */
  keepsSince = 0;
  /** What peers answer. */
  answer: (request: PeerRequest) => PeerReply = () => ({ kind: 'ok', body: null });
  /** Users whose rate calls were taken from, and what the next one of them is told to wait, ms. */
  readonly charged: string[] = [];
  rateWaitMs = 0;
  noteRefusal: Refusal | undefined;
  /** Which start of a peer answers. */
  answering: string | undefined;
  /** Views that others were heard to have adopted, as in `i2 8`. */
  readonly heard: string[] = [];
  readonly #listeners = new Set<(change: ViewChange) => void>();

  constructor(options?: RigOptions) {
    this.rig = new MailboxRig(options);
    const { time, random, node } = this.rig;
    this.ring = this.#newRing();
    this.links = {
      request: (nodeId, request) => this.#request(nodeId, request),
      note: (nodeId, note) => this.#note(nodeId, note),
      answering: () => this.answering,
    };
    this.router = new ClusterRouter({
      ...{ registry: node.registry, links: this.links, ring: this.ring, time, random: random.next },
      alarm: (error, what) => {
        this.rig.alarms.push({ error, what });
      },
      charge: (userId) => {
        this.charged.push(userId);
        return this.rateWaitMs;
      },
    });
  }

  adopt(view: RingView): void {
    const change = { before: this.view, after: view, isInOrder: true };
    this.view = view;
    for (const adopted of this.#listeners) adopted(change);
  }

  #newRing(): RingPort {
    const ring: Omit<RingPort, 'view'> = {
      self: memberOf(1),
      onView: (adopted: (change: ViewChange) => void): Cancel => {
        this.#listeners.add(adopted);
        return () => this.#listeners.delete(adopted);
      },
      keeps: (_userId, sinceEpoch) => sinceEpoch >= this.keepsSince,
      heard: (incarnation, epoch) => void this.heard.push(`${incarnation} ${epoch}`),
    };
    return Object.defineProperty(ring, 'view', { get: () => this.view }) as RingPort;
  }

  async #request(nodeId: string, request: PeerRequest): Promise<PeerReply> {
    this.sent.push(`${nodeId} ${unpackAsk(request.body).kind} ${request.to}`);
    await new Promise<void>((resolve) => {
      this.rig.time.after(1, resolve);
    });
    return this.answer(request);
  }

  #note(nodeId: string, note: PeerNote): Refusal | undefined {
    this.sent.push(`${nodeId} ${unpackNews(note.body).kind} ${note.to}`);
    return this.noteRefusal;
  }
}
