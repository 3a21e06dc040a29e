import type { Cell, CellRange } from './cell.ts';
import type { RowImage } from './row-store.ts';

function keyOf(range: CellRange): string {
  const to = range.to === undefined ? '' : range.to.toString('latin1');
  return `${range.family}${range.from.toString('latin1')}\n${to}\n${range.limit}\n${range.offset ?? 0}`;
}

interface Loaded {
  readonly version: number;
  readonly cells: readonly Cell[];
}

/** Ranges that a step or a query asked for and got; an empty one to begin with. */
export class LoadedRanges {
  readonly #byRange = new Map<string, Loaded>();

  add(ranges: readonly CellRange[], image: RowImage): void {
    ranges.forEach((range, index) => {
      const cells = image.ranges[index] ?? [];
      this.#byRange.set(keyOf(range), { version: image.version?.number ?? 0, cells });
    });
  }

  /** The cells, where the range was read at version number `notBefore` or later; else undefined: ask for it. */
  cells(range: CellRange, notBefore: number): readonly Cell[] | undefined {
    if (this.#byRange.size === 0) return undefined;
    const loaded = this.#byRange.get(keyOf(range));
    return loaded !== undefined && loaded.version >= notBefore ? loaded.cells : undefined;
  }
}
