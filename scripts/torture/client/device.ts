import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Line } from './line.ts';
import type { CallShapes, Method, Outcome } from './protocol-shapes.ts';

const retryMsMin = 100;
const retryMsMax = 2_000;

/** A device of a user: a name of its own, one line or two. */
export class Device {
  readonly deviceId: string;
  readonly lines: readonly Line[];
  readonly #random: SeededRandom;
  readonly #onUnsent: () => void;

  /** @param onUnsent told when a call is wanted and there is no connection for it */
  constructor(deviceId: string, lines: readonly Line[], random: SeededRandom, onUnsent: () => void) {
    this.deviceId = deviceId;
    this.lines = lines;
    this.#random = random;
    this.#onUnsent = onUnsent;
  }

  start(): void {
    for (const line of this.lines) line.start();
  }

  async end(): Promise<void> {
    await Promise.all(this.lines.map((line) => line.end()));
  }

  /** One call on one of its lines; undefined where none is connected. */
  call<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> | undefined {
    const open = this.lines.filter(({ isOpen }) => isOpen);
    if (open.length > 0) return this.#random.pick(open).call(method, params);
    this.#onUnsent();
    return undefined;
  }

  /**
   * The same call again and again until it succeeds or is refused for good. Undefined where `mayGoOn` said no first:
   * then nobody knows whether it happened.
   */
  async insist<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
    mayGoOn: () => boolean,
  ): Promise<Outcome<CallShapes[M]['result']> | undefined> {
    for (let failures = 0; mayGoOn(); failures++) {
      const outcome = await this.call(method, params);
      if (outcome?.kind === 'ok' || (outcome?.kind === 'error' && !outcome.retryable)) return outcome;
      const retryAfterMs = outcome?.kind === 'error' ? (outcome.retryAfterMs ?? 0) : 0;
      const pauseMs = Math.min(retryMsMax, retryMsMin * 2 ** failures) * (0.5 + this.#random.next());
      await sleep(Math.max(pauseMs, Math.min(retryAfterMs, retryMsMax)));
    }
    return undefined;
  }
}
