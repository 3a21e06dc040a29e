/** What to drop next: of this entity step 0, 1, 2 … of what it holds, from the cheapest to lose on. */
export interface Eviction {
  readonly entityId: string;
  /** How often the policy has named this entity since it was last used. */
  readonly step: number;
}

interface Entry {
  bytes: number;
  step: number;
}

/**
 * Which memory to give up first: the least recently used entity's, step by step, then the next one's.
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

  get isOverBudget(): boolean {
    return this.#bytes > this.#budgetBytes;
  }

  /** The entity was used: now the last to go, and again from its first step. */
  touch(entityId: string): void {
    const entry = this.#entries.get(entityId);
    this.#entries.delete(entityId);
    if (entry === undefined) this.#entries.set(entityId, { bytes: 0, step: 0 });
    else {
      entry.step = 0;
      this.#entries.set(entityId, entry);
    }
  }

  /** The entity's memory is this large now. Those that were never touched are not counted. */
  account(entityId: string, bytes: number): void {
    const entry = this.#entries.get(entityId);
    if (entry === undefined) return;
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  forget(entityId: string): void {
    this.#bytes -= this.#entries.get(entityId)?.bytes ?? 0;
    this.#entries.delete(entityId);
  }

  /** The most recently used first. */
  hottest(): { readonly entityId: string; readonly bytes: number }[] {
    return [...this.#entries].map(([entityId, { bytes }]) => ({ entityId, bytes })).reverse();
  }

  /** undefined within the budget. The caller drops that step, or touches or forgets the entity. */
  next(): Eviction | undefined {
    if (!this.isOverBudget) return undefined;
    for (const [entityId, entry] of this.#entries) return { entityId, step: entry.step++ };
    return undefined;
  }
}
