import type { CellRange } from '../row/cell.ts';
import type { RowStore } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import { writerOf } from '../row/row-version.ts';
import type { Cancel, Time } from '../std/time.ts';
import { LeaseBoardError } from './lease-board.ts';
import type { Lease, LeaseBoard, Renewal, RenewalOutcome } from './lease-board.ts';
import { ringRowId } from './ring-documents.ts';

export interface StoreLeaseBoardParts {
  /** Writes with the incarnation of this node. */
  readonly store: RowStore;
  readonly time: Time;
  /** Between two looks for a new view. */
  readonly pollMs?: number;
  /** News could not be read; it is looked for again. */
  readonly onTrouble: (error: unknown) => void;
}

const defaultPollMs = 250;
const wholeRow: CellRange = { family: 'h', from: Buffer.alloc(0), to: undefined, limit: 1 };

/**
 * The board inside the store, for clusters without Redis. A lease is the version of a small row: its number is
 * the count, its epoch the adopted one, its writer the incarnation. What is published is the ring's own row,
 * so there is nothing to publish; news are found by looking.
 */
export class StoreLeaseBoard implements LeaseBoard {
  readonly #store: RowStore;
  readonly #time: Time;
  readonly #pollMs: number;
  readonly #onTrouble: (error: unknown) => void;
  readonly #listeners = new Set<(epoch: number) => void>();
  #poll: Cancel | undefined;
  #heardEpoch = 0;
  #isClosed = false;

  constructor(parts: StoreLeaseBoardParts) {
    this.#store = parts.store;
    this.#time = parts.time;
    this.#pollMs = parts.pollMs ?? defaultPollMs;
    this.#onTrouble = parts.onTrouble;
  }

  async renew(renewal: Renewal, deadline: number): Promise<RenewalOutcome> {
    this.#admit();
    const rowId = leaseRowId(renewal.nodeId);
    const [ring, own] = await this.#store.versions([ringRowId, rowId], deadline);
    const publishedEpoch = ring?.epoch ?? 0;
    if (renewal.adoptedEpoch < publishedEpoch) return { kind: 'refused', publishedEpoch };
    await this.#write(rowId, own, renewal.adoptedEpoch, deadline);
    return { kind: 'renewed' };
  }

  async leases(nodeIds: readonly string[], deadline: number): Promise<readonly (Lease | undefined)[]> {
    this.#admit();
    const versions = await this.#store.versions(nodeIds.map(leaseRowId), deadline);
    return versions.map((version) =>
      version === undefined
        ? undefined
        : { incarnation: writerOf(version), count: version.number, adoptedEpoch: version.epoch },
    );
  }

  async publish(): Promise<void> {
    this.#admit();
  }

  async published(deadline: number): Promise<Buffer | undefined> {
    this.#admit();
    const { ranges } = await this.#store.read(ringRowId, [wholeRow], deadline);
    return ranges[0]?.[0]?.value;
  }

  subscribe(heard: (epoch: number) => void): Cancel {
    this.#listeners.add(heard);
    if (!this.#isClosed) this.#poll ??= this.#time.after(this.#pollMs, () => void this.#look());
    return () => {
      this.#listeners.delete(heard);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** The store is not this board's to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#stop();
  }

  /** Another start of the same node may write the row too, for a moment; then this one has lost its turn. */
  async #write(rowId: string, base: RowVersion | undefined, epoch: number, deadline: number): Promise<void> {
    const cells = [{ family: 'h', qualifier: Buffer.from('lease'), value: Buffer.of(1) } as const];
    const outcome = await this.#store.commit(rowId, { base, epoch, cells }, deadline);
    if (outcome.kind === 'conflict')
      throw new LeaseBoardError('unavailable', 'the lease was renewed elsewhere');
  }

  async #look(): Promise<void> {
    try {
      const [ring] = await this.#store.versions([ringRowId], this.#time.monotonicMs() + 4 * this.#pollMs);
      const epoch = ring?.epoch ?? 0;
      if (epoch > this.#heardEpoch) {
        this.#heardEpoch = epoch;
        for (const heard of this.#listeners) heard(epoch);
      }
    } catch (error) {
      this.#onTrouble(error);
    }
    this.#poll = undefined;
    if (!this.#isClosed && this.#listeners.size > 0) {
      this.#poll = this.#time.after(this.#pollMs, () => void this.#look());
    }
  }

  #stop(): void {
    this.#poll?.();
    this.#poll = undefined;
  }

  #admit(): void {
    if (this.#isClosed) throw new LeaseBoardError('unavailable', 'the board is closed');
  }
}

function leaseRowId(nodeId: string): string {
  return `sys.lease.${nodeId}`;
}
