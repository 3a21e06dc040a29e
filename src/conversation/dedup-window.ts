import { epochMsOf } from '../protocol/message-id.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Need, type Step } from '../row/step.ts';
import { decodeValue, encodeValue, u48Max } from './cell-value.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** The first answer to a messageId, given again to every repeat (G2). */
export interface DedupEntry {
  readonly seq: number;
  readonly timestamp: number;
  /** hash53 of the content: the same id with another content is a conflict. */
  readonly fingerprint: number;
}

/** The ids a row has taken that are in memory: the newest ones. The store has the rest. */
export interface DedupWindow {
  readonly entries: Map<string, DedupEntry>;
  /** Ids with a time above this are all in `entries`; for others the store has to be asked. */
  knownAboveMs: number;
}

/** Memory taken by one entry. */
export const dedupEntryBytes = 150;

export function newDedupWindow(): DedupWindow {
  return { entries: new Map(), knownAboveMs: 0 };
}

function dedupQualifier(messageId: string): Buffer {
  const qualifier = Buffer.allocUnsafe(6 + Buffer.byteLength(messageId));
  qualifier.writeUIntBE(u48Max - Math.min(u48Max, epochMsOf(messageId)), 0, 6);
  qualifier.write(messageId, 6);
  return qualifier;
}

type DedupFields = [seq: number, timestamp: number, fingerprint: number];

/** `d` ~epochMs (u48, newest first) | messageId */
export function dedupCell(messageId: string, entry: DedupEntry): Cell {
  const fields: DedupFields = [entry.seq, entry.timestamp, entry.fingerprint];
  return { family: 'd', qualifier: dedupQualifier(messageId), value: encodeValue(fields) };
}

function dedupOf(cell: Cell): { messageId: string; entry: DedupEntry } {
  const [seq, timestamp, fingerprint] = decodeValue(cell) as DedupFields;
  return { messageId: cell.qualifier.toString('utf8', 6), entry: { seq, timestamp, fingerprint } };
}

/** The one cell of this id. */
function dedupRange(messageId: string): CellRange {
  const from = dedupQualifier(messageId);
  return { family: 'd', from, to: Buffer.concat([from, Buffer.alloc(1)]), limit: 1 };
}

/** The window out of the newest cells of a row, of which at most `limit` were read. */
export function restoreDedup(cells: readonly Cell[], limit: number): DedupWindow {
  const window = newDedupWindow();
  for (const cell of cells) {
    const { messageId, entry } = dedupOf(cell);
    window.entries.set(messageId, entry);
  }
  const oldest = cells.at(-1);
  if (oldest !== undefined && cells.length >= limit)
    window.knownAboveMs = epochMsOf(dedupOf(oldest).messageId);
  return window;
}

/** Adds what is durable by now; above `entriesMax` the older half goes. @returns how many entries more (or less) */
export function growDedup(
  window: DedupWindow,
  added: ReadonlyMap<string, DedupEntry>,
  entriesMax: number,
): number {
  const before = window.entries.size;
  for (const [messageId, entry] of added) window.entries.set(messageId, entry);
  if (window.entries.size <= entriesMax) return window.entries.size - before;
  const byAge = [...window.entries.keys()].sort((a, b) => epochMsOf(a) - epochMsOf(b));
  const dropped = byAge.slice(0, byAge.length - entriesMax / 2);
  for (const messageId of dropped) window.entries.delete(messageId);
  const newest = dropped.at(-1);
  if (newest !== undefined) window.knownAboveMs = Math.max(window.knownAboveMs, epochMsOf(newest));
  return window.entries.size - before;
}

/** Looks ids up for one commit in preparation: in what that adds, in memory, and for old ids in the store. */
export class DedupLookUp {
  readonly #window: DedupWindow;
  readonly #added: ReadonlyMap<string, DedupEntry>;
  readonly #loaded: LoadedRanges;
  readonly #version: number;

  /** @param version number of the row's version that the commit stands on */
  constructor(
    window: DedupWindow,
    added: ReadonlyMap<string, DedupEntry>,
    loaded: LoadedRanges,
    version: number,
  ) {
    this.#window = window;
    this.#added = added;
    this.#loaded = loaded;
    this.#version = version;
  }

  /** Every look-up that is missing, at once: one read for all messages. */
  missing(messages: readonly Pick<OutgoingMessage, 'messageId' | 'after'>[]): Need | undefined {
    const ranges: CellRange[] = [];
    for (const { messageId, after } of messages) {
      for (const id of after === undefined ? [messageId] : [messageId, after]) {
        const found = this.#find(id);
        if (found.kind === 'need') ranges.push(...found.ranges);
      }
    }
    return ranges.length === 0 ? undefined : need(...ranges);
  }

  /** The first answer to an id, after `missing` has found nothing missing. */
  entry(messageId: string): DedupEntry | undefined {
    const found = this.#find(messageId);
    return found.kind === 'done' ? found.result : undefined;
  }

  #find(messageId: string): Step<DedupEntry | undefined> {
    const entry = this.#added.get(messageId) ?? this.#window.entries.get(messageId);
    if (entry !== undefined || epochMsOf(messageId) > this.#window.knownAboveMs) return done(entry);
    const range = dedupRange(messageId);
    const cells = this.#loaded.cells(range, this.#version);
    if (cells === undefined) return need(range);
    const [cell] = cells;
    return done(cell === undefined ? undefined : dedupOf(cell).entry);
  }
}
