/** What to drop next: of this user step 0, 1, 2 … of what the caller holds, from the cheapest to lose on. */
export interface Eviction {
  readonly userId: string;
  /** How often the policy has named this user since it was last used. */
  readonly step: number;
}

interface Entry {
  bytes: number;
  step: number;
}

/**
 * Which memory to give up first: the least recently used user's, step by step, then the next user's.
 * A pure object: it is told what is used and how large it is, and says what goes; it touches nothing.
 */
export class EvictionPolicy {
  readonly #budgetBytes: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get users(): number {
    return this.#entries.size;
  }

  get isOverBudget(): boolean {
    return this.#bytes > this.#budgetBytes;
  }

  /** The user was used: now the last to go, and again from its first step. */
  touch(userId: string): void {
    const entry = this.#entries.get(userId);
    this.#entries.delete(userId);
    if (entry === undefined) this.#entries.set(userId, { bytes: 0, step: 0 });
    else {
      entry.step = 0;
      this.#entries.set(userId, entry);
    }
  }

  /** The user's memory is this large now. Users that were never touched are not counted. */
  account(userId: string, bytes: number): void {
    const entry = this.#entries.get(userId);
    if (entry === undefined) return;
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  forget(userId: string): void {
    this.#bytes -= this.#entries.get(userId)?.bytes ?? 0;
    this.#entries.delete(userId);
  }

  /** undefined within the budget. The caller drops that step, or touches or forgets the user. */
  next(): Eviction | undefined {
    if (!this.isOverBudget) return undefined;
    for (const [userId, entry] of this.#entries) return { userId, step: entry.step++ };
    return undefined;
  }
}
