import type { RowVersion } from '../../src/row/row-version.ts';
import { sameVersion, writerOf } from '../../src/row/row-version.ts';
import type { RingCluster, RingNode } from './ring-cluster.ts';

interface Cached {
  version: RowVersion;
  /** Epoch at the beginning of this node's last commit; undefined: loaded, not held. */
  heldSince: number | undefined;
}

const operationDeadlineMs = 8_000;
const cells = [{ family: 'h', qualifier: Buffer.from('p'), value: Buffer.from('x') }] as const;

/**
 * Does to rows what an actor does: commits on the version it knows where it may serve, and reads from memory what
 * it holds while its lease is current. Each such read is compared with the table as it is at that moment (G7):
 * only a commit of its own that is just landing may be newer.
 */
export class RingWorkload {
  readonly violations: string[] = [];
  readonly tally = { commits: 0, conflicts: 0, memoryReads: 0, waits: 0, wrongOwner: 0, failures: 0 };
  readonly #cluster: RingCluster;
  readonly #cached = new Map<RingNode, Map<string, Cached>>();
  readonly #busy = new Set<string>();

  constructor(cluster: RingCluster) {
    this.#cluster = cluster;
  }

  async read(node: RingNode, entityId: string): Promise<void> {
    const cached = this.#cached.get(node)?.get(entityId);
    const { tenure } = node.membership;
    if (cached?.heldSince === undefined || !tenure.isLeaseCurrent()) return;
    if (!tenure.keeps(entityId, cached.heldSince)) return;
    const { version } = cached;
    const [stored] = await this.#cluster.table.versions([entityId], Infinity);
    this.tally.memoryReads++;
    if (sameVersion(stored, version)) return;
    if (stored !== undefined && writerOf(stored) === node.self.incarnation) return;
    this.violations.push(
      `${node.self.nodeId} at epoch ${tenure.epoch()} reads ${entityId} at ${version.number} of epoch ` +
        `${version.epoch}; the store has ${stored?.number ?? 0} of epoch ${stored?.epoch ?? 0}`,
    );
  }

  async write(node: RingNode, entityId: string): Promise<void> {
    const key = `${node.self.incarnation} ${entityId}`;
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    try {
      const deadline = node.time.monotonicMs() + operationDeadlineMs;
      while (node.time.monotonicMs() < deadline && (await this.#tryWrite(node, entityId, deadline)));
    } catch {
      // An ambiguous or refused commit: whoever gets this reloads before going on.
      this.tally.failures++;
      this.#cacheOf(node).delete(entityId);
    } finally {
      this.#busy.delete(key);
    }
  }

  /** @returns whether to try again */
  async #tryWrite(node: RingNode, entityId: string, deadline: number): Promise<boolean> {
    const cache = this.#cacheOf(node);
    let base = cache.get(entityId)?.version;
    if (base === undefined) {
      [base] = await node.store.versions([entityId], deadline);
      if (base) cache.set(entityId, { version: base, heldSince: undefined });
    }
    const { tenure } = node.membership;
    const admission = tenure.mayServe(entityId, base);
    if (admission.kind === 'wrongOwner') {
      this.tally.wrongOwner++;
      cache.delete(entityId);
      return false;
    }
    if (admission.kind === 'wait') {
      this.tally.waits++;
      await new Promise<void>((resolve) => {
        node.time.after(admission.waitMs, resolve);
      });
      return true;
    }
    const epoch = tenure.epoch();
    const outcome = await node.store.commit(entityId, { base, epoch, cells }, deadline);
    if (outcome.kind === 'conflict') {
      this.tally.conflicts++;
      cache.delete(entityId);
      return true;
    }
    this.tally.commits++;
    cache.set(entityId, { version: outcome.version, heldSince: epoch });
    return false;
  }

  #cacheOf(node: RingNode): Map<string, Cached> {
    const cache = this.#cached.get(node) ?? new Map<string, Cached>();
    this.#cached.set(node, cache);
    return cache;
  }
}
