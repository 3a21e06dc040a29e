import { isGoneFrom, isNextOf } from '../ring/ring-document.ts';
import type { RingDocument } from '../ring/ring-document.ts';
import type { RingView } from '../ring/ring-view.ts';

interface Adoption {
  readonly view: RingView;
  /** On this node's monotonic clock, after the view was read. */
  readonly adoptedMs: number;
}

/** Older ones are forgotten; what was held since then is compared with the store once. */
const runMax = 64;

/**
 * The views that this node has adopted one after the other, without a gap: its *run*. A gap begins a new run,
 * as between two views anybody may have owned and written anything.
 */
export class AdoptedViews {
  readonly #incarnation: string;
  /** Oldest first; the last one is in force. */
  #run: Adoption[] = [];
  #document: RingDocument | undefined;
  /** By incarnation, the latest epoch that it is known to have adopted. */
  readonly #adoptedBy = new Map<string, number>();

  /** @param incarnation this node's own: what a later start of the same node owns is not ours */
  constructor(incarnation: string) {
    this.#incarnation = incarnation;
  }

  get view(): RingView | undefined {
    return this.#run.at(-1)?.view;
  }

  get epoch(): number {
    return this.view?.epoch ?? 0;
  }

  /** As it was when its view was adopted. */
  get document(): RingDocument | undefined {
    return this.#document;
  }

  /** Since when, on this node's clock, a view of this epoch or a later one is in force; undefined: not yet. */
  adoptedSinceMs(epoch: number): number | undefined {
    return this.#run.find(({ view }) => view.epoch >= epoch)?.adoptedMs;
  }

  /** @returns whether it follows the last one directly */
  adopt(document: RingDocument, nowMs: number): boolean {
    const isInOrder = this.#document !== undefined && isNextOf(document, this.#document);
    if (!isInOrder) this.#run = [];
    this.#run.push({ view: document.view, adoptedMs: nowMs });
    if (this.#run.length > runMax) this.#run.shift();
    this.#document = document;
    for (const incarnation of this.#adoptedBy.keys()) {
      if (!this.#run.some(({ view }) => view.hasIncarnation(incarnation)))
        this.#adoptedBy.delete(incarnation);
    }
    return isInOrder;
  }

  /** What an incarnation has shown or told: it adopted this view, so it released what that takes from it. */
  noteAdopted(incarnation: string, epoch: number): void {
    if (!this.#run.some(({ view }) => view.hasIncarnation(incarnation))) return;
    if (epoch > (this.#adoptedBy.get(incarnation) ?? 0)) this.#adoptedBy.set(incarnation, epoch);
  }

  /** The latest view that an incarnation is known to have adopted; 0: none. */
  adoptedEpochOf(incarnation: string): number {
    return this.#adoptedBy.get(incarnation) ?? 0;
  }

  /** Has every other member shown that it adopted the view in force? */
  get isAdoptedByAll(): boolean {
    const { epoch } = this;
    const others = this.view?.members.filter(({ incarnation }) => incarnation !== this.#incarnation) ?? [];
    return others.every(({ incarnation }) => (this.#adoptedBy.get(incarnation) ?? 0) >= epoch);
  }

  owns(entityId: string): boolean {
    return this.view !== undefined && this.#owns(this.view, entityId);
  }

  /** Has this node owned it in each view from that epoch on, without a gap? */
  keeps(entityId: string, sinceEpoch: number): boolean {
    const oldest = this.#run[0];
    if (oldest === undefined || sinceEpoch < oldest.view.epoch || sinceEpoch > this.epoch) return false;
    for (const { view } of this.#run) {
      if (view.epoch >= sinceEpoch && !this.#owns(view, entityId)) return false;
    }
    return true;
  }

  /** Does an incarnation that once held this entity hold it no more, by what the ring knows or it has shown itself? */
  hasReleased(entityId: string, incarnation: string): boolean {
    if (this.#document !== undefined && isGoneFrom(this.#document, incarnation)) return true;
    const since = this.#earliest((view) => this.#owns(view, entityId));
    return since !== undefined && (this.#adoptedBy.get(incarnation) ?? 0) >= since.view.epoch;
  }

  /**
   * Since when, on this node's clock, no incarnation but this one (or none but one that is gone from the views)
   * could renew a lease under which it may hold this entity. Only for an entity that this node owns.
   */
  deniedSinceMs(entityId: string, incarnation: string): number {
    const owned = this.#earliest((view) => this.#owns(view, entityId));
    const absent = this.#earliest((view) => !view.hasIncarnation(incarnation));
    return Math.min(owned?.adoptedMs ?? Infinity, absent?.adoptedMs ?? Infinity);
  }

  #owns(view: RingView, entityId: string): boolean {
    return view.ownerOf(entityId).incarnation === this.#incarnation;
  }

  /** The first of the latest views in a row for which `holds`; undefined where it doesn't for the one in force. */
  #earliest(holds: (view: RingView) => boolean): Adoption | undefined {
    let earliest: Adoption | undefined;
    for (let i = this.#run.length - 1; i >= 0; i--) {
      const adoption = this.#run[i];
      if (adoption === undefined || !holds(adoption.view)) break;
      earliest = adoption;
    }
    return earliest;
  }
}
