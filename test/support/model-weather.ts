import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import type { Time } from '../../src/std/time.ts';
import type { Fault, TableCall } from './faulty-table.ts';
import type { RigOptions } from './mailbox-rig.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What a random run has to stand: how slow and how faulty the world is, and how small the limits. */
export class ModelWeather {
  /** Nothing fails, nothing takes time. */
  isCalm = true;
  readonly #random: SeededRandom;
  readonly #faultRate: number;
  readonly #envelopeLoss: number;
  readonly #latencyMs: number;
  /** The store is out of reach. */
  #isAway = false;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#faultRate = random.pick([0, 0, 0.02, 0.1, 0.25]);
    this.#envelopeLoss = random.pick([0, 0, 0.05]);
    this.#latencyMs = random.pick([0, 1, 5]);
  }

  rigOptions(): RigOptions {
    const random = this.#random;
    const delay = (): number => (this.isCalm ? 0 : Math.round(random.next() * this.#latencyMs * 4) / 4);
    return {
      seed: random.below(1e9),
      storeDelay: delay,
      envelopeDelay: delay,
      envelopes: (port) => ({
        request: async (to, envelope, deadline) => {
          const isLossy = !this.isCalm && random.chance(this.#envelopeLoss);
          const lost = new ProtocolError('unavailable', 'injected: an envelope was lost');
          if (isLossy && random.chance(0.5)) throw lost;
          const reply = await port.request(to, envelope, deadline);
          if (isLossy) throw lost;
          return reply;
        },
      }),
      actorLimits: {
        commitDeadlineMs: 400,
        commitInputsMax: random.pick([1, 3, 256]),
        commitBytesMax: random.pick([300, 1 << 20]),
        inboxInputsMax: random.pick([6, 1_024]),
      },
      sendingLimits: { envelopeMax: random.pick([1, 3, 128]), waitingMax: 64, backgroundDeadlineMs: 1_000 },
      mailboxLimits: { outboxPendingMax: random.pick([4, 1_000]) },
      outboxTiming: {
        settleAfterMs: 200,
        retryMaxMs: 1_000,
        clearAfterMs: 500,
        confirmAfterMs: 40,
        tellAfterMs: 10,
      },
      cacheLimits: { budgetBytes: random.pick([1, 4_000, 64 << 20]), recentMs: random.pick([0, 200, 1e9]) },
      sweeperTiming: { everyMs: 700, pagePauseMs: 50, deadlineMs: 1_000 },
    };
  }

  /** Now and then the store goes away for a while, sometimes for longer than any deadline. */
  change(time: Time): void {
    if (this.#faultRate === 0 || !this.#random.chance(0.01)) return;
    this.#isAway = true;
    time.after(this.#random.pick([50, 900]), () => {
      this.#isAway = false;
    });
  }

  faultOf({ kind }: TableCall): Fault | undefined {
    const random = this.#random;
    if (this.isCalm) return undefined;
    if (this.#isAway) return { kind: random.pick(['unavailable', 'lost'] as const) };
    if (!random.chance(this.#faultRate)) return undefined;
    if (kind !== 'compareAndPut') return random.chance(0.5) ? { kind: 'unavailable' } : undefined;
    return random.pick<Fault>([
      { kind: 'unavailable' },
      { kind: 'lost' },
      { kind: 'reply_lost' },
      { kind: 'late', delayMs: random.below(300) },
      { kind: 'slow', delayMs: random.below(100) },
    ]);
  }
}
