import type { Cell, Family } from '../../src/row/cell.ts';
import type { CommitOutcome, RowImage, RowSlice, RowStore } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { FaultyTable } from '../support/faulty-table.ts';
import type { Fault, TableCall } from '../support/faulty-table.ts';
import { storeOver } from '../support/store-over.ts';

/** A kind of table that the contract is held against. */
export interface ContractTable {
  readonly name: string;
  /** Opens the same rows every time: a table that was closed comes back with what was durable. */
  readonly open: () => Promise<RowTable>;
  /** Cells of the widest row that is read. */
  readonly wideCells: number;
  /** Generated sequences of commands. */
  readonly sequences: number;
  /** How long one call may take on a busy machine. */
  readonly patienceMs: number;
  readonly remove: () => Promise<void>;
}

export const wholeSpace: RowSlice = { fromHash: 0, toHash: 0x10000 };
export const none = Buffer.alloc(0);

/** What the tests of the contract share: one table, and for each test a row and a store behind a faulty network. */
export class ContractStand {
  readonly contract: ContractTable;
  #table: RowTable | undefined;
  #faulty: FaultyTable | undefined;
  #store: RowStore | undefined;
  #testNumber = 0;
  /** Decides about each call of this test's store. */
  fault: (call: TableCall) => Fault | undefined = () => undefined;

  constructor(contract: ContractTable) {
    this.contract = contract;
  }

  get table(): RowTable {
    return present(this.#table);
  }

  set table(table: RowTable) {
    this.#table = table;
  }

  get faulty(): FaultyTable {
    return present(this.#faulty);
  }

  get store(): RowStore {
    return present(this.#store);
  }

  /** A row that no other test uses. */
  get id(): string {
    return `u-${this.contract.name}-${String(this.#testNumber)}`;
  }

  /** Before each test. */
  renew(): void {
    this.#testNumber++;
    this.fault = () => undefined;
    this.#faulty = new FaultyTable(this.table, systemTime, (call) => this.fault(call));
    this.#store = storeOver(this.#faulty);
  }

  /** The deadline of a call that should succeed. */
  soon(): number {
    return systemTime.monotonicMs() + this.contract.patienceMs;
  }

  commit(
    entityId: string,
    base: RowVersion | undefined,
    cells: readonly Cell[],
    by = this.store,
    deadline = this.soon(),
  ): Promise<CommitOutcome> {
    return by.commit(entityId, { base, epoch: 7, cells }, deadline);
  }

  async committed(
    entityId: string,
    base: RowVersion | undefined,
    cells: readonly Cell[],
    by = this.store,
  ): Promise<RowVersion> {
    const outcome = await this.commit(entityId, base, cells, by);
    if (outcome.kind !== 'committed') throw new Error(`expected a commit of ${entityId}, got a conflict`);
    return outcome.version;
  }

  all(entityId: string, family: Family, by = this.store): Promise<RowImage> {
    return by.read(entityId, [{ family, from: none, to: undefined, limit: 1_000 }], this.soon());
  }

  async versionOf(entityId: string): Promise<RowVersion | undefined> {
    return (await this.store.versions([entityId], this.soon()))[0];
  }
}

export function cell(family: Family, qualifier: string, value: string): Cell {
  return { family, qualifier: Buffer.from(qualifier), value: Buffer.from(value) };
}

/** The cells of each range as `qualifier=value`. */
export function shown(image: RowImage): string[][] {
  return image.ranges.map((cells) =>
    cells.map(({ qualifier, value }) => `${qualifier.toString()}=${value.toString()}`),
  );
}

/** What `look` finds, as soon as it finds something. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the stand is not set up yet');
  return value;
}
