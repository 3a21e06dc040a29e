import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { Cell } from '../row/cell.ts';
import { sameVersion, type RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import type { HandoffTally } from './handoff-tally.ts';
import type { SentCopy } from './handoff-wire.ts';
import { cellBytes, cellKey } from './row-copies.ts';
import type { SendPace } from './send-pace.ts';

/** @returns the ids that the other node did not take; undefined: nobody knows whether they arrived */
export type SendCopies = (
  to: string,
  changeId: string,
  copies: readonly SentCopy[],
) => Promise<readonly string[] | undefined>;

export interface DepartureLaneParts {
  readonly to: string;
  readonly changeId: string;
  readonly registry: Pick<EntityRegistry, 'snapshot'>;
  readonly send: SendCopies;
  readonly limits: HandoffLimits;
  readonly tally: HandoffTally;
  readonly time: Time;
  readonly pace: SendPace;
  readonly alarm: (error: unknown, what: string) => void;
}

export interface Committed {
  readonly base: RowVersion | undefined;
  readonly version: RowVersion;
  readonly cells: readonly Cell[];
}

/** A row whose copy is at the other node, or on its way there. */
interface Sent {
  readonly bytes: number;
  /** What the other node has, once all that is under way is there. */
  sentVersion: RowVersion;
  /** The row's version here; what has been committed since `sentVersion`, one cell a key. */
  version: RowVersion;
  readonly pending: Map<string, Cell>;
  pendingBytes: number;
}

/** So few rows with commits to send on are as good as none: they follow with the last word. */
const fewDirty = 64;
/** A busy row has new commits all the time: after so many rounds it is time. */
const roundsMax = 4;
const failuresMax = 5;
const failurePauseMs = 100;
const copiesPerBatchMax = 256;
/** Requests. */
const lastWordsAtOnce = 4;

/**
 * What leaves this node for one other: whole rows first, the hottest first, then the commits that were made since, again
 * and again. One request at a time, so that nothing overtakes; the last words follow on the same link, so they don't either.
 */
export class DepartureLane {
  readonly #parts: DepartureLaneParts;
  readonly #queue: string[] = [];
  readonly #queued = new Set<string>();
  readonly #sent = new Map<string, Sent>();
  readonly #dirty = new Set<string>();
  /** The other node has no room for them, or lost them. */
  readonly #refused = new Set<string>();
  #totalBytes = 0;
  #rounds = 0;
  #failures = 0;
  #isSealed = false;
  #isOver = false;

  constructor(parts: DepartureLaneParts) {
    this.#parts = parts;
  }

  get total(): number {
    return this.#sent.size + this.#queued.size;
  }

  get sent(): number {
    return this.#sent.size;
  }

  get totalBytes(): number {
    return Math.max(this.#totalBytes, this.sentBytes);
  }

  get sentBytes(): number {
    let bytes = 0;
    for (const sent of this.#sent.values()) bytes += sent.bytes;
    return bytes;
  }

  /** Nothing more is won by waiting. */
  get isReady(): boolean {
    if (this.#isOver) return true;
    return this.#queue.length === 0 && (this.#dirty.size <= fewDirty || this.#rounds >= roundsMax);
  }

  /** @param entities the hottest first */
  begin(entities: readonly { readonly entityId: string; readonly bytes: number }[]): void {
    for (const { entityId, bytes } of entities) {
      this.#enqueue(entityId);
      this.#totalBytes += bytes;
    }
    this.#run().catch((error: unknown) => {
      // What was not sent is loaded from the store.
      this.#parts.alarm(error, `sending users ahead to ${this.#parts.to}`);
      this.end();
    });
  }

  committed(entityId: string, { base, version, cells }: Committed): void {
    const sent = this.#sent.get(entityId);
    if (sent === undefined) {
      // It has come to life since.
      if (!this.#isSealed) this.#enqueue(entityId);
      return;
    }
    if (!sameVersion(sent.version, base)) {
      // Another node has written in between, or a commit was in doubt: the copy is of no use.
      this.#again(entityId);
      return;
    }
    sent.version = version;
    for (const cell of cells) {
      sent.pending.set(cellKey(cell), cell);
      sent.pendingBytes += cellBytes(cell);
    }
    this.#dirty.add(entityId);
    if (sent.pendingBytes > this.#parts.limits.deltaBytesMax) this.#again(entityId);
  }

  /**
   * Sends the last word about each row that has gone; where its commit is in flight, when that is over.
   * @returns when all of them are out
   */
  async seal(
    isGone: (entityId: string) => boolean,
    writing: (entityId: string) => Promise<unknown> | undefined,
  ): Promise<void> {
    this.#isSealed = true;
    const settled: string[] = [];
    const later: Promise<void>[] = [];
    for (const entityId of this.#sent.keys()) {
      if (!isGone(entityId)) continue;
      const commit = writing(entityId);
      if (commit === undefined) settled.push(entityId);
      // Its outcome is noted (see `committed`) when this goes on.
      else later.push(commit.then(() => this.#sayLast([entityId])));
    }
    const batches = this.#inBatches(settled);
    const inTurn = async (): Promise<void> => {
      for (let ids = batches.shift(); ids !== undefined; ids = batches.shift()) await this.#sayLast(ids);
    };
    await Promise.all([...Array.from({ length: lastWordsAtOnce }, inTurn), ...later]);
  }

  end(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.#queued.clear();
    this.#sent.clear();
    this.#dirty.clear();
  }

  async #run(): Promise<void> {
    const { limits, pace } = this.#parts;
    // Whoever wanted this is answered first.
    await this.#pause(0);
    while (this.#isSending()) {
      // First the wait, then the copies: nothing may be committed between a copy and its being noted here.
      if (pace.waitMs > 0) await this.#pause(pace.waitMs);
      else if (this.#queue.length > 0) await this.#sendWhole();
      else {
        await this.#pause(limits.deltaPauseMs);
        if (this.#dirty.size > 0 && this.#isSending()) await this.#sendDeltas();
      }
    }
  }

  #isSending(): boolean {
    return !this.#isOver && !this.#isSealed;
  }

  async #sendWhole(): Promise<void> {
    const { limits, registry, tally, time } = this.#parts;
    const sinceMs = time.monotonicMs();
    const copies: SentCopy[] = [];
    let bytes = 0;
    while (bytes < limits.batchBytes && copies.length < copiesPerBatchMax) {
      const entityId = this.#queue.shift();
      if (entityId === undefined) break;
      this.#queued.delete(entityId);
      const copy = registry.snapshot(entityId, limits.rowBytesMax);
      // Evicted meanwhile, or too large: it is loaded from the store.
      if (copy === undefined) continue;
      const { version, marks, cells } = copy;
      copies.push({ entityId, base: undefined, version, marks, cells, isLast: false });
      const ownBytes = cells.reduce((sum, cell) => sum + cellBytes(cell), 0);
      bytes += ownBytes;
      this.#sent.set(entityId, {
        ...{ bytes: ownBytes, sentVersion: version, version, pending: new Map(), pendingBytes: 0 },
      });
    }
    tally.copiesSent += copies.length;
    if (copies.length > 0) await this.#send(copies, bytes, sinceMs);
  }

  async #sendDeltas(): Promise<void> {
    this.#rounds++;
    for (const ids of this.#inBatches([...this.#dirty])) {
      if (!this.#isSending()) return;
      const sinceMs = this.#parts.time.monotonicMs();
      const deltas = ids.flatMap((entityId) => this.#deltaOf(entityId, false) ?? []);
      const bytes = deltas.reduce(
        (sum, { cells }) => sum + cells.reduce((all, one) => all + cellBytes(one), 0),
        0,
      );
      if (deltas.length > 0) await this.#send(deltas, bytes, sinceMs);
    }
  }

  #deltaOf(entityId: string, isLast: boolean): SentCopy | undefined {
    const sent = this.#sent.get(entityId);
    this.#dirty.delete(entityId);
    if (sent === undefined) return undefined;
    const { sentVersion: base, version } = sent;
    const cells = [...sent.pending.values()];
    sent.sentVersion = version;
    sent.pending.clear();
    sent.pendingBytes = 0;
    this.#parts.tally.deltasSent += sameVersion(base, version) ? 0 : 1;
    return { entityId, base, version, marks: undefined, cells, isLast };
  }

  /** @param sinceMs when this node began to put them together */
  async #send(copies: readonly SentCopy[], bytes: number, sinceMs: number): Promise<void> {
    const { changeId, pace, send, tally, time, to } = this.#parts;
    tally.bytesSent += bytes;
    const sent = send(to, changeId, copies);
    pace.sent(bytes, time.monotonicMs() - sinceMs);
    const refused = await sent;
    if (refused !== undefined) {
      this.#failures = 0;
      for (const entityId of refused) {
        this.#refused.add(entityId);
        this.#forget(entityId);
      }
      return;
    }
    if (this.#isSealed) return;
    // Whatever of it has arrived is replaced by a whole copy.
    for (const { entityId } of copies) this.#again(entityId);
    // The other node loads from the store.
    if (++this.#failures >= failuresMax) this.end();
    else await this.#pause(failurePauseMs * 2 ** this.#failures);
  }

  async #sayLast(ids: readonly string[]): Promise<void> {
    const { changeId, send, to } = this.#parts;
    const words = ids.flatMap((entityId) => this.#deltaOf(entityId, true) ?? []);
    // Where it does not arrive, the new owner stops waiting, and finds by its version whether its copy is the latest.
    if (words.length > 0) await send(to, changeId, words);
  }

  #inBatches(ids: readonly string[]): string[][] {
    const batches: string[][] = [];
    let batch: string[] = [];
    let bytes = 0;
    for (const id of ids) {
      const idBytes = this.#sent.get(id)?.pendingBytes ?? 0;
      const isTooLarge = batch.length > 0 && bytes + idBytes > this.#parts.limits.batchBytes;
      if (batches.length === 0 || isTooLarge || batch.length === copiesPerBatchMax) {
        batch = [];
        bytes = 0;
        batches.push(batch);
      }
      batch.push(id);
      bytes += idBytes;
    }
    return batches;
  }

  #enqueue(entityId: string): void {
    if (this.#isOver || this.#queued.has(entityId) || this.#refused.has(entityId)) return;
    this.#queued.add(entityId);
    this.#queue.push(entityId);
  }

  /** The whole row has to be sent once more; where it is too late for that, none is. */
  #again(entityId: string): void {
    this.#forget(entityId);
    if (!this.#isSealed) this.#enqueue(entityId);
  }

  #forget(entityId: string): void {
    this.#sent.delete(entityId);
    this.#dirty.delete(entityId);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.time.after(ms, resolve);
    });
  }
}
