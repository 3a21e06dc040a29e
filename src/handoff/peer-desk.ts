import type { PeerHandler, PeerIdentity, PeerNote, PeerReply, PeerRequest } from '../peer/peer-request.ts';
import type { Handoff } from './handoff.ts';
import { isHandoffAsk } from './handoff-wire.ts';

/** Gives what peers ask to whom it concerns: what is about a user to the router, what is about the ring to hand-off. */
export class PeerDesk implements PeerHandler {
  readonly #router: PeerHandler;
  readonly #handoff: Handoff;

  constructor(router: PeerHandler, handoff: Handoff) {
    this.#router = router;
    this.#handoff = handoff;
  }

  handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    return isHandoffAsk(request.body)
      ? this.#handoff.handle(request, from)
      : this.#router.handle(request, from);
  }

  note(note: PeerNote, from: PeerIdentity): void {
    this.#router.note(note, from);
  }

  reset(from: PeerIdentity): void {
    this.#router.reset(from);
  }
}
