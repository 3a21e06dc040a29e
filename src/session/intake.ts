import type { Time } from '../std/time.ts';
import type { ReplyOutlet } from './device-connection.ts';

/** Whether a client is read: not while many of its calls are under way, nor for a while after it asked for too much. */
export class Intake {
  readonly #outlet: Pick<ReplyOutlet, 'setBusy'>;
  readonly #time: Time;
  #isCrowded = false;
  #isResting = false;
  #hasEnded = false;

  constructor(outlet: Pick<ReplyOutlet, 'setBusy'>, time: Time) {
    this.#outlet = outlet;
    this.#time = time;
  }

  setCrowded(isCrowded: boolean): void {
    if (this.#isCrowded === isCrowded) return;
    this.#isCrowded = isCrowded;
    if (!this.#isResting && !this.#hasEnded) this.#outlet.setBusy(isCrowded);
  }

  /** To refuse costs as well: nothing is read for so long, ms. */
  rest(restMs: number): void {
    if (this.#isResting || this.#hasEnded) return;
    this.#isResting = true;
    if (!this.#isCrowded) this.#outlet.setBusy(true);
    this.#time.after(restMs, () => {
      this.#isResting = false;
      if (!this.#isCrowded && !this.#hasEnded) this.#outlet.setBusy(false);
    });
  }

  /** The connection is gone. */
  end(): void {
    this.#hasEnded = true;
  }
}
