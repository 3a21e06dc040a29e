import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { families } from '../../src/row/cell.ts';
import type { Cell, CellRange } from '../../src/row/cell.ts';
import { sameVersion } from '../../src/row/row-version.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { ContractStand } from './contract-stand.ts';

type Command =
  | {
      readonly kind: 'commit';
      readonly row: number;
      readonly stale: boolean;
      readonly cells: readonly Cell[];
    }
  | { readonly kind: 'read'; readonly row: number; readonly ranges: readonly CellRange[] }
  | { readonly kind: 'versions' };

const rows = 2;
const qualifier = fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes));
const family = fc.constantFrom(...families);
const cell = fc
  .record({
    family,
    qualifier,
    value: fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    ),
  })
  .filter((one) => !(one.family === 'h' && one.qualifier.equals(Buffer.from('v'))));
const range = fc.record({
  family,
  from: fc.oneof(fc.constant(Buffer.alloc(0)), qualifier),
  to: fc.oneof(fc.constant(undefined), qualifier),
  limit: fc.integer({ min: 1, max: 6 }),
  offset: fc.integer({ min: 0, max: 3 }),
});
const row = fc.nat({ max: rows - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('commit'),
    row,
    stale: fc.boolean(),
    cells: fc.uniqueArray(cell, { selector: place, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('read'), row, ranges: fc.array(range, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant('versions') }),
);

/** One row as it should be: a plain map. */
class ModelRow {
  version: RowVersion | undefined;
  /** Versions that were there before, to be refused. */
  readonly past: (RowVersion | undefined)[] = [];
  readonly #cells = new Map<string, Cell>();

  commit(version: RowVersion, cells: readonly Cell[]): void {
    this.past.push(this.version);
    this.version = version;
    for (const one of cells) {
      if (one.value.length === 0) this.#cells.delete(place(one));
      else this.#cells.set(place(one), one);
    }
  }

  within({ family: asked, from, to, limit, offset = 0 }: CellRange): Cell[] {
    return [...this.#cells.values()]
      .filter((one) => one.family === asked && one.qualifier.compare(from) >= 0)
      .filter((one) => to === undefined || one.qualifier.compare(to) < 0)
      .sort((a, b) => a.qualifier.compare(b.qualifier))
      .slice(offset, offset + limit);
  }
}

/** Any sequence of commits and reads answers as a plain map would. */
export function describeGeneratedSequences(stand: ContractStand): void {
  describe('generated sequences', () => {
    it('answers as a plain map would', async () => {
      let runs = 0;
      const property = fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        const id = `${stand.id}-${String(runs++)}`;
        const model = Array.from({ length: rows }, () => new ModelRow());
        for (const one of commands) await follow(one, stand, id, model);
      });
      await fc.assert(property, { numRuns: stand.contract.sequences });
    });
  });
}

async function follow(one: Command, stand: ContractStand, id: string, model: ModelRow[]): Promise<void> {
  const { store } = stand;
  const entityId = (index: number): string => `${id}-${String(index)}`;
  if (one.kind === 'versions') {
    const seen = await store.versions(
      model.map((_, index) => entityId(index)),
      stand.soon(),
    );
    expect(seen.map((version) => version?.bytes)).toEqual(model.map(({ version }) => version?.bytes));
    return;
  }
  const expected = model[one.row]!;
  if (one.kind === 'read') {
    const image = await store.read(entityId(one.row), one.ranges, stand.soon());
    expect(sameVersion(image.version, expected.version)).toBe(true);
    expect(image.ranges).toEqual(one.ranges.map((asked) => expected.within(asked)));
    return;
  }
  const stale = one.stale && expected.past.length > 0;
  const base = stale ? expected.past.at(-1) : expected.version;
  const outcome = await stand.commit(entityId(one.row), base, one.cells);
  expect(outcome.kind).toBe(stale ? 'conflict' : 'committed');
  if (outcome.kind === 'committed') expected.commit(outcome.version, one.cells);
}

function place({ family: of, qualifier: at }: Cell): string {
  return `${of}:${at.toString('latin1')}`;
}
