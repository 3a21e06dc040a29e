import { refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { PeerLink, type PeerMember } from './peer-link.ts';
import type { PeerIdentity, PeerNote, PeerReply, PeerRequest } from './peer-request.ts';
import type { PeerSetup } from './peer-setup.ts';

/** The links from this node to all others. */
export class PeerLinks {
  readonly #setup: PeerSetup;
  readonly #links = new Map<string, PeerLink>();
  readonly #retiring = new Set<PeerLink>();
  #isClosed = false;

  constructor(setup: PeerSetup) {
    this.#setup = setup;
  }

  /**
   * Links to exactly these from now on (this node itself is left out). Links to others take no more requests, get the
   * replies that they wait for, and close after `drainMs` at the latest.
   */
  adopt(members: readonly PeerMember[], drainMs: number): void {
    if (this.#isClosed) return;
    const wanted = new Map(members.map((member) => [member.nodeId, member]));
    wanted.delete(this.#setup.handshake.self.nodeId);
    for (const [nodeId, link] of this.#links) {
      if (wanted.has(nodeId)) continue;
      this.#links.delete(nodeId);
      this.#retire(link, drainMs);
    }
    for (const [nodeId, member] of wanted) {
      const link = this.#links.get(nodeId);
      if (link !== undefined) link.redirect(member);
      else {
        this.#closeRetiring(nodeId);
        this.#links.set(nodeId, new PeerLink(member, this.#setup));
      }
    }
  }

  /** Never rejects: whatever goes wrong is a refusal. `unavailable` leaves open whether the peer has done it. */
  request(nodeId: string, request: PeerRequest): Promise<PeerReply> {
    return this.#links.get(nodeId)?.request(request) ?? Promise.resolve(noSuchPeer());
  }

  /** undefined: on its way. It may still be lost (see PeerEvents.linkReset). */
  note(nodeId: string, note: PeerNote): Refusal | undefined {
    const link = this.#links.get(nodeId);
    return link === undefined ? noSuchPeer() : link.note(note);
  }

  /** Of the wire format that the peer speaks; 0: not known yet. */
  version(nodeId: string): number {
    return this.#links.get(nodeId)?.version ?? 0;
  }

  /** The incarnation of the peer that answers on the link; undefined: none does. */
  answering(nodeId: string): string | undefined {
    return this.#links.get(nodeId)?.answering;
  }

  /** For how long nothing came from that process over the link, ms; 0 where there is no such link. */
  unheardMs({ nodeId, incarnation }: PeerIdentity): number {
    return this.#links.get(nodeId)?.unheardMs(incarnation) ?? 0;
  }

  /** For how long all dials have found nobody listening, ms; undefined where that is not so. */
  refusedMs(nodeId: string): number | undefined {
    return this.#links.get(nodeId)?.refusedMs;
  }

  /** For readiness, metrics and the operations page. */
  *states(): Iterable<{
    readonly nodeId: string;
    readonly kind: PeerLink['kind'];
    readonly pending: number;
  }> {
    for (const { nodeId, kind, pending } of this.#links.values()) yield { nodeId, kind, pending };
  }

  /** Takes nothing more, waits for replies up to `drainMs`, and closes all. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    const links = [...this.#links.values(), ...this.#retiring];
    this.#links.clear();
    await Promise.all(links.map((link) => link.retire(drainMs)));
  }

  /** Two links to one node would take its channel from each other. */
  #closeRetiring(nodeId: string): void {
    for (const link of this.#retiring) if (link.nodeId === nodeId) link.close();
  }

  #retire(link: PeerLink, drainMs: number): void {
    this.#retiring.add(link);
    void link.retire(drainMs).finally(() => this.#retiring.delete(link));
  }
}

function noSuchPeer(): Refusal {
  return refusal('unavailable', 'no such peer in the present view');
}
