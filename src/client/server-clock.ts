import type { Time } from '../std/time.ts';

/**
 * What the server's clock shows, as far as a device can tell: its own clock until a first session is open, from then
 * on as far off as the latest session has shown. Behind by the way of an answer, not ahead.
 */
export class ServerClock implements Pick<Time, 'wallMs'> {
  readonly #time: Time;
  #offsetMs = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  /** Epoch milliseconds. */
  wallMs(): number {
    return this.#time.wallMs() + this.#offsetMs;
  }

  /** The server has just said that it is `serverTime`. */
  heard(serverTime: number): void {
    this.#offsetMs = serverTime - this.#time.wallMs();
  }
}
