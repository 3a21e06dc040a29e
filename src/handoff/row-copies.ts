import type { SentState } from '../actor/handoff-port.ts';
import type { Cell } from '../row/cell.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import { sameVersion, type RowVersion } from '../row/row-version.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import type { HandoffTally } from './handoff-tally.ts';
import type { SentCopy } from './handoff-wire.ts';
import { WorkSlices } from './work-slices.ts';

export interface RowCopiesParts {
  readonly time: Time;
  readonly limits: HandoffLimits;
  readonly tally: HandoffTally;
  /** Bytes that all copies may take at the moment. */
  readonly roomBytes: () => number;
  /** Makes of a copy what the entity will have in memory; undefined where that is not possible. */
  readonly unpack: (entityId: string, copy: RowCopy) => SentState | undefined;
  /** Takes a copy into memory for good (or waits for its last word, and does then). Must not reject. */
  readonly revive: (entityId: string) => Promise<void>;
  readonly isOwn: (entityId: string) => boolean;
}

interface Kept {
  readonly changeId: string;
  readonly marks: unknown;
  version: RowVersion;
  readonly cells: Map<string, Cell>;
  /** Made of the cells as they are now; undefined: not yet, or not any more. */
  state: SentState | undefined;
  /** With those of the state. */
  bytes: number;
  isComplete: boolean;
  /** Called when the last word has come, or need not be waited for. */
  readonly waiting: (() => void)[];
}

/** What a row takes besides its cells, estimated. */
const overheadBytes = 600;
/** What a cell takes in a copy besides its bytes: its key in the map, two buffers, the cell. Measured at 370 to 380. */
const cellOverheadBytes = 370;
/** Of a row whose state is made again, ahead, for each commit that follows: a few ms. */
const remadeCellsMax = 2_000;
/** Of the time in which a request has to be answered, for unpacking what it has brought. */
const unpackShare = 1 / 4;
/** Between two looks for copies whose last word has come. */
const revivePauseMs = 8;

/** What a cell takes in memory and on the wire, roughly. */
export function cellBytes({ qualifier, value }: Cell): number {
  return qualifier.length + value.length + 20;
}

function keptBytes({ qualifier, value }: Cell): number {
  return qualifier.length + value.length + cellOverheadBytes;
}

/** Two cells with one key are the same cell. */
export function cellKey({ family, qualifier }: Cell): string {
  return family + qualifier.toString('latin1');
}

/**
 * Rows that other nodes have sent ahead, at exactly the version that each of them names: commits that do not fit on it
 * spoil it. Whether that version is the latest, only the store can tell; who takes a copy compares.
 */
export class RowCopies {
  readonly #parts: RowCopiesParts;
  /** Of unpacking and reviving. */
  readonly #slices: WorkSlices;
  readonly #kept = new Map<string, Kept>();
  /** When each change was heard of last. */
  readonly #heardMs = new Map<string, number>();
  /** Until when last words are waited for: from the adoption of a view on. */
  #awaitedUntilMs = 0;
  #bytes = 0;
  #cancelSweep: Cancel | undefined;
  #isReviving = false;

  constructor(parts: RowCopiesParts) {
    this.#parts = parts;
    this.#slices = new WorkSlices(parts.time);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** @returns the ids of those that are not kept */
  accept(changeId: string, copies: readonly SentCopy[]): string[] {
    this.heard(changeId);
    return copies.filter((copy) => !this.#accept(changeId, copy)).map(({ entityId }) => entityId);
  }

  /**
   * Makes of these, which were just accepted, what they will be in memory, as far as there is room and time: so little is left
   * to be done when they are this node's. Resolves when that is done; who sends waits for it, and so sends no faster.
   */
  async unpack(copies: readonly SentCopy[]): Promise<void> {
    const { limits, time } = this.#parts;
    const untilMs = time.monotonicMs() + limits.requestMs * unpackShare;
    for (const { entityId, base, isLast } of copies) {
      const kept = this.#kept.get(entityId);
      if (kept === undefined || kept.state !== undefined) continue;
      // After its last word a row comes into memory in its turn; and large ones are not made anew after each commit.
      if (isLast || (base !== undefined && kept.cells.size > remadeCellsMax)) continue;
      // Few bytes may name many rows: a sender without an answer would send all of them again.
      if (time.monotonicMs() >= untilMs) break;
      await this.#slices.run(() => this.#unpack(entityId));
    }
  }

  /** The change goes on: what belongs to it is kept. */
  heard(changeId: string): void {
    this.#heardMs.set(changeId, this.#parts.time.monotonicMs());
    this.#sweepLater();
  }

  /** The change was given up. */
  cancel(changeId: string): void {
    for (const [entityId, kept] of this.#kept) if (kept.changeId === changeId) this.#drop(entityId, kept);
    this.#heardMs.delete(changeId);
  }

  take(entityId: string): SentState | undefined {
    const kept = this.#kept.get(entityId);
    if (kept === undefined) return undefined;
    this.#drop(entityId, kept);
    return kept.state ?? this.#stateOf(entityId, kept);
  }

  /** This node has committed the row: what was sent of it is old. */
  committed(entityId: string): void {
    const kept = this.#kept.get(entityId);
    if (kept !== undefined) this.#drop(entityId, kept);
  }

  /** Version of what is kept, as far as it has come. */
  standsAt(entityId: string): RowVersion | undefined {
    return this.#kept.get(entityId)?.version;
  }

  lastWord(entityId: string): Promise<void> | undefined {
    const { tally, time } = this.#parts;
    const kept = this.#kept.get(entityId);
    const startMs = time.monotonicMs();
    const waitMs = this.#awaitedUntilMs - startMs;
    if (kept === undefined || kept.isComplete || waitMs <= 0) return undefined;
    tally.lastWordWaits++;
    return new Promise((resolve) => {
      let isOver = false;
      const over = (): void => {
        if (isOver) return;
        isOver = true;
        cancel();
        tally.lastWordWaitMs += time.monotonicMs() - startMs;
        resolve();
      };
      // A node that had no time for so long may have that word in a socket that it has not read.
      const cancel = time.after(waitMs, () => {
        time.soon(over);
      });
      kept.waiting.push(over);
    });
  }

  /** A view was adopted: who gave users away is about to say its last word, and what is here comes into memory. */
  adopted(): void {
    if (this.#kept.size === 0) return;
    this.#awaitedUntilMs = this.#parts.time.monotonicMs() + this.#parts.limits.lastWordMs;
    for (const changeId of this.#heardMs.keys()) this.heard(changeId);
    void this.#reviveAll();
  }

  stop(): void {
    this.#cancelSweep?.();
    for (const [entityId, kept] of this.#kept) this.#drop(entityId, kept);
  }

  #accept(changeId: string, copy: SentCopy): boolean {
    const { tally } = this.#parts;
    tally.bytesReceived += copy.cells.reduce((sum, cell) => sum + cellBytes(cell), 0);
    if (copy.base === undefined) return this.#keep(changeId, copy);
    const kept = this.#kept.get(copy.entityId);
    // Taken already, or never kept: whoever serves it finds out by its version.
    if (kept === undefined) return false;
    if (kept.changeId !== changeId || !sameVersion(kept.version, copy.base)) {
      tally.copiesSpoilt++;
      this.#drop(copy.entityId, kept);
      return false;
    }
    if (!this.#hasRoomFor(copy)) {
      this.#drop(copy.entityId, kept);
      return false;
    }
    if (!sameVersion(kept.version, copy.version)) this.#hold(kept, undefined);
    kept.version = copy.version;
    for (const cell of copy.cells) this.#put(kept, cell);
    if (copy.isLast) this.#complete(kept);
    return true;
  }

  /** Counts and tells where there is none. */
  #hasRoomFor({ base, cells }: SentCopy): boolean {
    const { roomBytes, tally } = this.#parts;
    const rowBytes = base === undefined ? overheadBytes : 0;
    const bytes = cells.reduce((sum, cell) => sum + keptBytes(cell), rowBytes);
    if (this.#bytes + bytes <= roomBytes()) return true;
    tally.copiesRefused++;
    return false;
  }

  #keep(changeId: string, copy: SentCopy): boolean {
    const { tally } = this.#parts;
    const before = this.#kept.get(copy.entityId);
    if (before !== undefined) this.#drop(copy.entityId, before);
    if (!this.#hasRoomFor(copy)) return false;
    tally.copiesReceived++;
    const { marks, version } = copy;
    const kept: Kept = {
      ...{ changeId, marks, version, cells: new Map(), state: undefined, bytes: overheadBytes },
      ...{ isComplete: false, waiting: [] },
    };
    this.#bytes += overheadBytes;
    for (const cell of copy.cells) this.#put(kept, cell);
    if (copy.isLast) this.#complete(kept);
    this.#kept.set(copy.entityId, kept);
    return true;
  }

  #put(kept: Kept, cell: Cell): void {
    const key = cellKey(cell);
    const before = kept.cells.get(key);
    // As in the store, an empty value clears.
    if (cell.value.length > 0) kept.cells.set(key, cell);
    else kept.cells.delete(key);
    const after = cell.value.length > 0 ? keptBytes(cell) : 0;
    this.#count(kept, after - (before === undefined ? 0 : keptBytes(before)));
  }

  /** With that state, which was made of its cells; undefined: without any, as they change. */
  #hold(kept: Kept, state: SentState | undefined): void {
    this.#count(kept, (state?.bytes ?? 0) - (kept.state?.bytes ?? 0));
    kept.state = state;
  }

  #count(kept: Kept, bytes: number): void {
    kept.bytes += bytes;
    this.#bytes += bytes;
  }

  #unpack(entityId: string): void {
    const kept = this.#kept.get(entityId);
    if (kept === undefined || kept.state !== undefined) return;
    const state = this.#stateOf(entityId, kept);
    if (state === undefined) this.#drop(entityId, kept);
    else if (this.#bytes + state.bytes <= this.#parts.roomBytes()) this.#hold(kept, state);
  }

  #stateOf(entityId: string, { version, marks, cells }: Kept): SentState | undefined {
    return this.#parts.unpack(entityId, { version, marks, cells: [...cells.values()] });
  }

  #complete(kept: Kept): void {
    kept.isComplete = true;
    this.#parts.tally.lastWordsHeard += kept.waiting.length;
    for (const over of kept.waiting.splice(0)) over();
  }

  #drop(entityId: string, kept: Kept): void {
    this.#kept.delete(entityId);
    this.#bytes -= kept.bytes;
    for (const over of kept.waiting.splice(0)) over();
  }

  async #reviveAll(): Promise<void> {
    if (this.#isReviving) return;
    this.#isReviving = true;
    // Those who hear of the view, and who wait for somebody, come first.
    do await this.#pause();
    while (await this.#reviveSome());
    this.#isReviving = false;
  }

  /**
   * Those that are this node's by now, and nobody has asked for yet.
   * @returns whether to look again: some wait for their last word, or more may have become its own meanwhile
   */
  async #reviveSome(): Promise<boolean> {
    const { isOwn, time } = this.#parts;
    let isToLookAgain = false;
    for (const entityId of [...this.#kept.keys()]) {
      const kept = this.#kept.get(entityId);
      if (kept === undefined || !isOwn(entityId)) continue;
      isToLookAgain = true;
      if (!kept.isComplete && time.monotonicMs() < this.#awaitedUntilMs) continue;
      await this.#slices.run(() => this.#revive(entityId));
    }
    return isToLookAgain;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.time.after(revivePauseMs, resolve);
    });
  }

  async #revive(entityId: string): Promise<void> {
    const kept = this.#kept.get(entityId);
    // Taken meanwhile, or moved on.
    if (kept === undefined || !this.#parts.isOwn(entityId)) return;
    await this.#parts.revive(entityId);
    // It was in memory already: what is there is as good.
    if (this.#kept.get(entityId) === kept) this.#drop(entityId, kept);
  }

  #sweepLater(): void {
    const { keepMs } = this.#parts.limits;
    this.#cancelSweep ??= this.#parts.time.after(keepMs / 2, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
    });
  }

  #sweep(): void {
    const { limits, tally, time } = this.#parts;
    const oldestMs = time.monotonicMs() - limits.keepMs;
    for (const [changeId, heardMs] of this.#heardMs) {
      if (heardMs >= oldestMs) continue;
      const before = this.#kept.size;
      this.cancel(changeId);
      tally.copiesExpired += before - this.#kept.size;
    }
    if (this.#heardMs.size > 0) this.#sweepLater();
  }
}
