import type { Time } from '../std/time.ts';

/**
 * The clock is corrected by little at each session: ids wait for it to catch up. A greater step back is a clock that was
 * wrong before: ids ahead of the server's time are refused.
 */
const stepBackMaxMs = 60_000;

/**
 * Makes the messageIds of one device, a new one at each call. Call it once for a message, when the message is
 * first sent, and keep the id for every retry. The server refuses times far from its own: give it the client's
 * `serverClock`. A random tag and a counter tell ids of one millisecond apart, also where one device runs twice, has been
 * started anew, or has its clock set back.
 */
export class MessageIdSource {
  readonly #userId: string;
  readonly #deviceId: string;
  readonly #clock: Pick<Time, 'wallMs'>;
  readonly #tag: string;
  #count = 0;
  #lastMs = 0;

  constructor(userId: string, deviceId: string, clock: Pick<Time, 'wallMs'>, random: () => number) {
    this.#userId = userId;
    this.#deviceId = deviceId;
    this.#clock = clock;
    this.#tag = Math.floor(random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0');
  }

  next(): string {
    const count = (this.#count++).toString(36);
    const nowMs = this.#clock.wallMs();
    const isStepBack = nowMs < this.#lastMs && nowMs >= this.#lastMs - stepBackMaxMs;
    if (!isStepBack) this.#lastMs = nowMs;
    return `${this.#lastMs}.${this.#userId}.${this.#deviceId}.${this.#tag}-${count}`;
  }
}
