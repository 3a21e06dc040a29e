import type { Cell, CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import type { RowSnapshot } from '../row/row-snapshot.ts';
import type { RowImage } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Step } from '../row/step.ts';

/** The types of one kind of entity (a mailbox, a group). */
export interface EntityTypes {
  state: { version: RowVersion | undefined };
  draft: {
    cells(version: number): Cell[];
    readonly size: { readonly bytes: number; readonly changes: number };
  };
  input: { readonly kind: string };
  result: unknown;
  query: unknown;
  answer: unknown;
  effects: unknown;
}

/** The pure part of one kind of entity: no waiting, no clock, no store. */
export interface Behaviour<T extends EntityTypes> {
  readonly headRanges: readonly CellRange[];
  restore(entityId: string, image: RowImage): T['state'];
  draft(state: T['state'], wallMs: number): T['draft'];
  step(draft: T['draft'], input: T['input'], loaded: LoadedRanges): Step<T['result']>;
  /** Makes a draft that is durable the state, and tells what follows from it. */
  apply(state: T['state'], draft: T['draft'], version: RowVersion): T['effects'];
  /** A draft that writes nothing has come to its end. @returns what follows from it all the same, if anything does */
  pass?(state: T['state'], draft: T['draft']): T['effects'] | undefined;
  /**
   * Takes an input that writes nothing without a draft, as it is told to many at once, and changes what memory has
   * beside the durable state. @returns undefined: it has to be stepped
   */
  passAtOnce?(state: T['state'], input: T['input'], wallMs: number): Passed<T> | undefined;
  query(state: T['state'], query: T['query'], loaded: LoadedRanges): Step<T['answer']>;
  lane(input: T['input']): string;
  /** What is in memory of it, of at most so many bytes, to be sent to another node; undefined where it is larger. */
  snapshot(state: T['state'], bytesMax: number): RowSnapshot | undefined;
}

/** An input that was dealt with, and nothing had to be written for it. */
export interface Passed<T extends Pick<EntityTypes, 'result' | 'effects'>> {
  readonly result: T['result'];
  /** undefined: nothing follows from it. */
  readonly effects: T['effects'] | undefined;
}
