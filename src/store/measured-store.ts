import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { CellRange } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import type {
  Commit,
  CommitOutcome,
  OutboxPage,
  RowImage,
  RowSlice,
  RowStore,
  StoreErrorCode,
} from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { LatencyHistogram, type LatencyTally } from '../telemetry/latency-histogram.ts';

type Operation = 'read' | 'versions' | 'commit' | 'scan';
const failureCodes: readonly StoreErrorCode[] = ['unavailable', 'unknown_fate', 'refused', 'corrupt'];

/** A store as it is, and how long it takes and how it fails for Prometheus. Retries within it are part of it. */
export class MeasuredStore implements RowStore {
  readonly #inner: RowStore;
  readonly #time: Time;
  readonly #tallies: Readonly<Record<Operation, LatencyTally>>;
  readonly #failures: Counter<'operation' | 'code'>;

  constructor(inner: RowStore, registry: Registry, time: Time) {
    this.#inner = inner;
    this.#time = time;
    const histogram = new LatencyHistogram(
      registry,
      'mailring_store_duration_seconds',
      'Time of an operation of the store that was answered, its retries included.',
      'operation',
    );
    this.#failures = new Counter({
      name: 'mailring_store_failures_total',
      help: 'Operations of the store that failed for good, by what is known of them.',
      labelNames: ['operation', 'code'],
      registers: [registry],
    });
    const tallyOf = (operation: Operation): LatencyTally => {
      // There from the start, or a first failure would not show as an increase.
      for (const code of failureCodes) this.#failures.inc({ operation, code }, 0);
      return histogram.tally(operation);
    };
    this.#tallies = {
      read: tallyOf('read'),
      versions: tallyOf('versions'),
      commit: tallyOf('commit'),
      scan: tallyOf('scan'),
    };
  }

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.#measured('read', this.#inner.read(entityId, ranges, deadline));
  }

  ready(): Promise<void> | undefined {
    return this.#inner.ready();
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    return this.#measured('versions', this.#inner.versions(entityIds, deadline));
  }

  commit(entityId: string, commit: Commit, deadline: number): Promise<CommitOutcome> {
    return this.#measured('commit', this.#inner.commit(entityId, commit, deadline));
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    return this.#measured('scan', this.#inner.scanOutbox(slice, after, limit, deadline));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #measured<T>(operation: Operation, answer: Promise<T>): Promise<T> {
    const sinceMs = this.#time.monotonicMs();
    try {
      const result = await answer;
      this.#tallies[operation].observeMs(this.#time.monotonicMs() - sinceMs);
      return result;
    } catch (error) {
      this.#failures.inc({ operation, code: error instanceof StoreError ? error.code : 'corrupt' });
      throw error;
    }
  }
}
