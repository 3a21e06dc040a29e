interface Delivery {
  readonly conversationId: string;
  readonly seq: number;
}

/** Tells the server what has arrived on this device: the latest of each conversation, one call at a time in each. */
export class Deliveries {
  readonly #mark: (delivery: Delivery) => Promise<unknown>;
  readonly #failed: (error: unknown) => void;
  /** By conversation: what has arrived, and what the server was told of. */
  readonly #arrived = new Map<string, { seq: number; toldSeq: number; isTelling: boolean }>();

  constructor(mark: (delivery: Delivery) => Promise<unknown>, failed: (error: unknown) => void) {
    this.#mark = mark;
    this.#failed = failed;
  }

  arrived(conversationId: string, seq: number): void {
    const known = this.#arrived.get(conversationId) ?? { seq: 0, toldSeq: 0, isTelling: false };
    this.#arrived.set(conversationId, known);
    known.seq = Math.max(known.seq, seq);
    if (!known.isTelling) void this.#tell(conversationId, known);
  }

  async #tell(
    conversationId: string,
    known: { seq: number; toldSeq: number; isTelling: boolean },
  ): Promise<void> {
    known.isTelling = true;
    try {
      while (known.toldSeq < known.seq) {
        const { seq } = known;
        await this.#mark({ conversationId, seq });
        known.toldSeq = seq;
      }
    } catch (error) {
      // The next message tries again.
      this.#failed(error);
    } finally {
      known.isTelling = false;
    }
  }
}
