/**
 * A bounded queue with lanes: what one lane puts in comes out in that order, and lanes take turns, so that
 * nobody waits behind somebody else's burst.
 */
export class LaneQueue<Item> {
  readonly #lanes = new Map<string, Item[]>();
  readonly #capacity: number;
  #size = 0;
  #reserved = 0;

  /** @param capacity items, reserved places included */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Lanes in which something waits. */
  get laneCount(): number {
    return this.#lanes.size;
  }

  get isFull(): boolean {
    return this.#size + this.#reserved >= this.#capacity;
  }

  /** Keeps a place for what will have to follow; false where none is left. */
  reserve(): boolean {
    if (this.isFull) return false;
    this.#reserved++;
    return true;
  }

  release(): void {
    this.#reserved--;
  }

  push(lane: string, item: Item): void {
    this.#size++;
    const waiting = this.#lanes.get(lane);
    if (waiting === undefined) this.#lanes.set(lane, [item]);
    else waiting.push(item);
  }

  /** Up to `max` items, one of each lane in turn. */
  take(max: number): Item[] {
    const taken: Item[] = [];
    if (this.#size <= max) {
      for (const waiting of this.#lanes.values()) taken.push(...waiting);
      this.#lanes.clear();
      this.#size = 0;
      return taken;
    }
    while (taken.length < max) {
      for (const [lane, waiting] of this.#lanes) {
        const item = waiting.shift();
        if (item === undefined) continue;
        taken.push(item);
        // To the end of the turn order; empty lanes are forgotten.
        this.#lanes.delete(lane);
        if (waiting.length > 0) this.#lanes.set(lane, waiting);
        if (taken.length === max) break;
      }
    }
    this.#size -= taken.length;
    return taken;
  }
}
