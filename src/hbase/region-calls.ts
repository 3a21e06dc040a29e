import type { HBaseCluster } from './hbase-cluster.ts';
import type { RegionLocation } from './region.ts';
import type { Place } from './region-locator.ts';
import { Retry, verdictOf } from './retry.ts';
import type { Effect } from './retry-verdict.ts';
import type { RpcRequest } from './rpc-call.ts';

/** Calls that concern one row: sent to the region's server, tried again where that is right. */
export class RegionCalls {
  readonly #cluster: HBaseCluster;

  constructor(cluster: HBaseCluster) {
    this.#cluster = cluster;
  }

  /** @throws HBaseError */
  async call<T>(
    table: string,
    row: Buffer,
    effect: Effect,
    deadline: number,
    request: (region: RegionLocation) => RpcRequest<T>,
  ): Promise<T> {
    let retry: Retry | undefined;
    for (;;) {
      const region =
        this.#cluster.locator.cached(table, row) ??
        (await this.locate(table, row, 'at', (retry ??= new Retry(this.#cluster, deadline))));
      try {
        return await this.#cluster.channel(region.server, 'ClientService').call(request(region), deadline);
      } catch (error) {
        await this.recover(error, effect, region, (retry ??= new Retry(this.#cluster, deadline)));
      }
    }
  }

  /** Finds a region, trying until the deadline. @throws HBaseError */
  async locate(table: string, row: Buffer, place: Place, retry: Retry): Promise<RegionLocation> {
    for (;;) {
      try {
        return await retry.within(this.#cluster.locator.locate(table, row, place));
      } catch (error) {
        const verdict = verdictOf(error, 'repeatable');
        if (verdict.kind === 'fail') throw verdict.error;
        await retry.pause(verdict.reason, error);
      }
    }
  }

  /** Draws the conclusions of a failed try and waits for the next. @throws HBaseError where there is none */
  async recover(error: unknown, effect: Effect, region: RegionLocation, retry: Retry): Promise<void> {
    const verdict = verdictOf(error, effect);
    if (verdict.kind === 'fail') throw verdict.error;
    if (verdict.relocate) this.#cluster.locator.drop(region);
    await retry.pause(verdict.reason, error);
  }
}
