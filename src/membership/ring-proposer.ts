import { encodeRingDocument } from '../ring/ring-document-codec.ts';
import type { RingDocument } from '../ring/ring-document.ts';
import { StoreError } from '../row/row-store.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Time } from '../std/time.ts';
import type { LeaseBoard } from './lease-board.ts';
import type { RingDocuments, StoredRing } from './ring-documents.ts';

/** The next document, with this view id; undefined: nothing has to change. Called again for each try. */
export type RingChange = (latest: RingDocument | undefined, viewId: string) => RingDocument | undefined;

export interface RingProposerParts {
  readonly documents: RingDocuments;
  readonly board: LeaseBoard;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** A try failed, or others could not be told; the first is repeated, the second they find out by themselves. */
  readonly onTrouble: (error: unknown, what: string) => void;
}

const backoff = { baseMs: 20, maxMs: 1_000 };
/** Nobody waits longer for a board that is slow: others find out by themselves. */
const newsMaxMs = 1_000;

/** Changes the ring document until a change is in, whoever else changes it at the same time. */
export class RingProposer {
  readonly #parts: RingProposerParts;

  constructor(parts: RingProposerParts) {
    this.#parts = parts;
  }

  /**
   * @returns the ring that is in the store now: changed, or as it was where nothing had to change
   * @throws StoreError where it didn't succeed before the deadline; it may have, for all we know
   */
  async propose(change: RingChange, deadline: number): Promise<StoredRing | undefined> {
    for (let tries = 1; ; tries++) {
      let failure: StoreError | undefined;
      try {
        const base = await this.#parts.documents.latest(deadline);
        const next = change(base?.document, this.#newViewId());
        if (next === undefined) return base;
        const outcome = await this.#parts.documents.propose(base, next, deadline);
        if (outcome.kind === 'published') {
          if (next.view !== base?.document.view) await this.#tell(outcome.ring, deadline);
          return outcome.ring;
        }
      } catch (error) {
        if (!(error instanceof StoreError) || !error.retryable) throw error;
        failure = error;
        this.#parts.onTrouble(error, 'proposal');
      }
      if (!(await this.#mayTryAgain(tries, deadline))) {
        throw failure ?? new StoreError('unavailable', 'the ring changes too fast to change it');
      }
    }
  }

  async #tell({ document }: StoredRing, deadline: number): Promise<void> {
    const newsDeadline = Math.min(deadline, this.#parts.time.monotonicMs() + newsMaxMs);
    try {
      await this.#parts.board.publish(document.view.epoch, encodeRingDocument(document), newsDeadline);
    } catch (error) {
      this.#parts.onTrouble(error, 'news of a view');
    }
  }

  async #mayTryAgain(tries: number, deadline: number): Promise<boolean> {
    const { random, time } = this.#parts;
    const waitMs = backoffDelayMs(backoff, tries - 1, random);
    if (time.monotonicMs() + waitMs >= deadline) return false;
    await new Promise<void>((resolve) => {
      time.after(waitMs, resolve);
    });
    return true;
  }

  #newViewId(): string {
    const half = (): string =>
      Math.floor(this.#parts.random() * 0x100000000)
        .toString(16)
        .padStart(8, '0');
    return half() + half();
  }
}
