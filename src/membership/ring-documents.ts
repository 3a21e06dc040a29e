import { decodeRingDocument, encodeRingDocument } from '../ring/ring-document-codec.ts';
import { isNextOf } from '../ring/ring-document.ts';
import type { RingDocument } from '../ring/ring-document.ts';
import { RingError } from '../ring/ring-view.ts';
import type { CellRange } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import type { RowStore } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';

/** No user has a dot in the id. The epoch of the row's version is that of the view. */
export const ringRowId = 'sys.ring';

const qualifier = Buffer.from('ring');
const ringRange: CellRange = { family: 'h', from: qualifier, to: undefined, limit: 1 };

/** A document as it was read, and the version that a proposal of the next one stands on. */
export interface StoredRing {
  readonly document: RingDocument;
  readonly version: RowVersion;
}

export type ProposalOutcome =
  | { readonly kind: 'published'; readonly ring: StoredRing }
  /** Another proposal won. */
  | { readonly kind: 'lost' };

/**
 * The master copy of the ring document: one row, changed by conditional commits only. Each follows the one it
 * was made of, so epochs rise by one and none is ever given to two views, whoever proposes and whatever gets lost.
 * Methods reject with StoreError.
 */
export class RingDocuments {
  readonly #store: RowStore;

  constructor(store: RowStore) {
    this.#store = store;
  }

  async latest(deadline: number): Promise<StoredRing | undefined> {
    const { version, ranges } = await this.#store.read(ringRowId, [ringRange], deadline);
    if (version === undefined) return undefined;
    const cell = ranges[0]?.[0];
    if (cell === undefined) throw new StoreError('corrupt', 'the row of the ring has no document');
    const document = decoded(cell.value);
    if (document.view.epoch !== version.epoch) {
      throw new StoreError('corrupt', `ring document ${document.view.epoch} in a row of ${version.epoch}`);
    }
    return { document, version };
  }

  /** Epoch of the latest view, 0 where there is none: one small cell. */
  async latestEpoch(deadline: number): Promise<number> {
    const [version] = await this.#store.versions([ringRowId], deadline);
    return version?.epoch ?? 0;
  }

  /**
   * Rejecting with `unknown_fate` means that it may have won, or may yet.
   * @param base what `next` was made of; undefined where `next` is the first one
   * @param next of the view after that of `base`, or of the same one
   * @throws RingError where `next` doesn't follow `base`
   */
  async propose(
    base: StoredRing | undefined,
    next: RingDocument,
    deadline: number,
  ): Promise<ProposalOutcome> {
    const follows = base
      ? next.view === base.document.view || isNextOf(next, base.document)
      : next.view.epoch === 1 && !next.parentViewId;
    if (!follows) throw new RingError(`view ${next.view.epoch} does not follow the one it was made of`);
    const cell = { family: 'h', qualifier, value: encodeRingDocument(next) } as const;
    const commit = { base: base?.version, epoch: next.view.epoch, cells: [cell] };
    const outcome = await this.#store.commit(ringRowId, commit, deadline);
    if (outcome.kind === 'conflict') return { kind: 'lost' };
    return { kind: 'published', ring: { document: next, version: outcome.version } };
  }
}

function decoded(bytes: Buffer): RingDocument {
  try {
    return decodeRingDocument(bytes);
  } catch (error) {
    if (!(error instanceof RingError)) throw error;
    throw new StoreError('corrupt', `the row of the ring: ${error.message}`, { cause: error });
  }
}
