import type { RequestId } from '../protocol/json-rpc.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { Payload, ReplyEncoding, ReplyOutlet } from './device-connection.ts';

/** The replies to a batch: sent as one message when the last one is there. */
export class ReplyBatch {
  readonly #outlet: ReplyOutlet;
  readonly #bytesMax: number;
  readonly #replies: Payload[] = [];
  #outstanding: number;
  #bytes = 0;
  readonly #whenSent: (() => void)[] = [];

  /** `requests`: how many will be settled, those without an answer included. */
  constructor(outlet: ReplyOutlet, requests: number, bytesMax: number) {
    this.#outlet = outlet;
    this.#outstanding = requests;
    this.#bytesMax = bytesMax;
  }

  /** `id` undefined: a notification, which has no reply. */
  settle(id: RequestId | undefined, payload: Payload): void {
    if (id !== undefined) this.#replies.push(this.#fitting(id, payload, this.#outlet.encoding));
    this.#outstanding -= 1;
    if (this.#outstanding > 0) return;
    if (this.#replies.length > 0) this.#outlet.send(this.#outlet.encoding.batch(this.#replies));
    for (const run of this.#whenSent) run();
  }

  /** Calls `run` after the last reply was sent. */
  whenSent(run: () => void): void {
    this.#whenSent.push(run);
  }

  /** Replies are held until all are there, so together they have to be bounded. */
  #fitting(id: RequestId, payload: Payload, encoding: ReplyEncoding): Payload {
    this.#bytes += payload.length;
    if (this.#bytes <= this.#bytesMax || payload.length < 512) return payload;
    this.#bytes -= payload.length;
    return encoding.error(
      id,
      refusal('overloaded', 'the replies of this batch are too large together; call this one alone', {
        retryAfterMs: 0,
      }),
    );
  }
}
