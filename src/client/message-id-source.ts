import type { Time } from '../std/time.ts';

/**
 * Makes the messageIds of one device, a new one at each call. Call it once for a message, when the message is
 * first sent, and keep the id for every retry. A random tag and a counter tell ids of one millisecond apart,
 * also where one device runs twice.
 */
export class MessageIdSource {
  readonly #userId: string;
  readonly #deviceId: string;
  readonly #time: Time;
  readonly #tag: string;
  #count = 0;

  constructor(userId: string, deviceId: string, time: Time, random: () => number) {
    this.#userId = userId;
    this.#deviceId = deviceId;
    this.#time = time;
    this.#tag = Math.floor(random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0');
  }

  next(): string {
    const count = (this.#count++).toString(36);
    return `${this.#time.wallMs()}.${this.#userId}.${this.#deviceId}.${this.#tag}-${count}`;
  }
}
