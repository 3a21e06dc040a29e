import type { RegionInfo, RegionLocation } from './region.ts';
import { containsRow } from './region.ts';

/** The known regions of one table: sorted by start key, never overlapping, possibly with gaps. */
export class RegionCache {
  readonly #regions: RegionLocation[] = [];

  get size(): number {
    return this.#regions.length;
  }

  /** The region that holds `row`, if it is known. */
  find(row: Uint8Array): RegionLocation | undefined {
    const region = this.#regions[this.#lastStartingAtOrBefore(row)];
    return region !== undefined && containsRow(region.info, row) ? region : undefined;
  }

  /**
   * Takes what was just read from meta. It replaces all that it overlaps, unless that is a later state of the table:
   * a region made later, or the same one opened later.
   * @returns whether it was taken
   */
  insert(location: RegionLocation): boolean {
    const { startKey, endKey } = location.info;
    let from = this.#lastStartingAtOrBefore(startKey);
    const before = this.#regions[from];
    if (before === undefined || !overlaps(before.info, location.info)) from += 1;
    let to = from;
    for (; to < this.#regions.length; to++) {
      const other = this.#regions[to];
      if (other === undefined || (endKey.length > 0 && other.info.startKey.compare(endKey) >= 0)) break;
      if (isLater(other, location)) return false;
    }
    this.#regions.splice(from, to - from, location);
    return true;
  }

  /** Forgets this very location; one that has replaced it stays. */
  drop(location: RegionLocation): void {
    const at = this.#lastStartingAtOrBefore(location.info.startKey);
    if (this.#regions[at] === location) this.#regions.splice(at, 1);
  }

  clear(): void {
    this.#regions.length = 0;
  }

  /** -1 where all start later. */
  #lastStartingAtOrBefore(row: Uint8Array): number {
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const region = this.#regions[middle];
      if (region !== undefined && region.info.startKey.compare(row) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function overlaps(a: RegionInfo, b: RegionInfo): boolean {
  const startsBeforeEnd = (x: RegionInfo, y: RegionInfo) =>
    y.endKey.length === 0 || x.startKey.compare(y.endKey) < 0;
  return startsBeforeEnd(a, b) && startsBeforeEnd(b, a);
}

function isLater(known: RegionLocation, fresh: RegionLocation): boolean {
  if (known.info.regionId !== fresh.info.regionId) return known.info.regionId > fresh.info.regionId;
  return known.openSeqNum > fresh.openSeqNum && known.name.equals(fresh.name);
}
