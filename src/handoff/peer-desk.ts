import type { PeerHandler, PeerIdentity, PeerNote, PeerReply, PeerRequest } from '../peer/peer-request.ts';
import { isPresenceAsk, isPresenceNews } from '../presence/presence-wire.ts';
import type { Handoff } from './handoff.ts';
import { isHandoffAsk } from './handoff-wire.ts';

export interface PeerDeskParts {
  readonly router: PeerHandler;
  readonly handoff: Handoff;
  readonly presence: PeerHandler;
}

/**
 * Gives what peers ask to whom it concerns: what is about a user to the router, what is about the ring to hand-off, and
 * who is there to presence.
 */
export class PeerDesk implements PeerHandler {
  readonly #parts: PeerDeskParts;

  constructor(parts: PeerDeskParts) {
    this.#parts = parts;
  }

  handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    const { router, handoff, presence } = this.#parts;
    if (isPresenceAsk(request.body)) return presence.handle(request, from);
    return isHandoffAsk(request.body) ? handoff.handle(request, from) : router.handle(request, from);
  }

  note(note: PeerNote, from: PeerIdentity): void {
    const { router, presence } = this.#parts;
    if (isPresenceNews(note.body)) presence.note(note, from);
    else router.note(note, from);
  }

  reset(from: PeerIdentity): void {
    const { router, presence } = this.#parts;
    router.reset(from);
    presence.reset(from);
  }
}
