/** An unconditional put of a key of its own. */
export interface PutRecord {
  readonly row: string;
  readonly value: string;
  /** Made by a call of its own, not as one of a batch. */
  readonly single: boolean;
  /** `failed`: definitely not applied. `unknown`: perhaps. `pending`: the call has not come back. */
  fate: 'pending' | 'acked' | 'failed' | 'unknown';
}

/** One try to write a version of a chain row, on the condition that its predecessor still stands. */
export interface ChainAttempt {
  readonly row: string;
  /** The one to be written, from 1. */
  readonly version: number;
  /** Nonce of the version before; empty before the first. */
  readonly base: string;
  /** Of this try alone. */
  readonly nonce: string;
  /**
   * `won`, `lost`: the call said so. `failed`: definitely not applied. `unknown`: nobody could tell, or can yet;
   * `resolvedWon`, `resolvedLost`: nobody could tell at first, later tries or a look at the row did.
   */
  fate: 'pending' | 'won' | 'lost' | 'failed' | 'unknown' | 'resolvedWon' | 'resolvedLost';
}

/** Everything that was asked of HBase to write, and what was said about it. */
export class WriteLedger {
  readonly puts = new Map<string, PutRecord>();
  readonly attempts: ChainAttempt[] = [];
  readonly #ackedPuts: PutRecord[] = [];
  readonly #floors = new Map<string, number>();
  readonly #acksOfWriter = new Map<string, PutRecord[]>();

  /** Notes a put before it is sent. */
  put(row: string, value: string, single: boolean): PutRecord {
    const record: PutRecord = { row, value, single, fate: 'pending' };
    this.puts.set(row, record);
    return record;
  }

  /** Notes a try before it is sent. */
  attempt(intent: Omit<ChainAttempt, 'fate'>): ChainAttempt {
    const attempt: ChainAttempt = { ...intent, fate: 'pending' };
    this.attempts.push(attempt);
    return attempt;
  }

  acked(record: PutRecord): void {
    record.fate = 'acked';
    this.#ackedPuts.push(record);
    const writer = writerOf(record.row);
    const ofWriter = this.#acksOfWriter.get(writer);
    if (ofWriter) ofWriter.push(record);
    else this.#acksOfWriter.set(writer, [record]);
  }

  /** Notes that a version is known to be written. */
  won(attempt: ChainAttempt, fate: 'won' | 'resolvedWon'): void {
    attempt.fate = fate;
    this.#floors.set(attempt.row, Math.max(this.floorOf(attempt.row), attempt.version));
  }

  /** The least version that a read of a chain row may show from now on; 0: nothing is known of it. */
  floorOf(row: string): number {
    return this.#floors.get(row) ?? 0;
  }

  get chainRows(): string[] {
    return [...this.#floors.keys()];
  }

  /** Acknowledged puts, in the order of their acknowledgement; grows. */
  get ackedPuts(): readonly PutRecord[] {
    return this.#ackedPuts;
  }

  /** Of one writer's prefix (`slice/p/writer/`), ascending; grows. */
  ackedOfWriter(prefix: string): readonly PutRecord[] {
    return this.#acksOfWriter.get(prefix) ?? [];
  }
}

/** The row up to its count: what all rows of its writer start with. */
export function writerOf(row: string): string {
  return row.slice(0, row.lastIndexOf('/') + 1);
}
