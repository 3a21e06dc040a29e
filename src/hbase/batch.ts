import type { ActionOutcome, Action, RegionActions } from './multi-request.ts';
import { MultiRequest } from './multi-request.ts';
import type { Cell } from './cell.ts';
import type { HBaseCluster } from './hbase-cluster.ts';
import { HBaseError } from './hbase-error.ts';
import { ProtoError } from './proto-reader.ts';
import type { RegionLocation } from './region.ts';
import type { RegionCalls } from './region-calls.ts';
import { Retry, verdictOf } from './retry.ts';
import type { Effect } from './retry-verdict.ts';
import { CallError } from './rpc-call.ts';
import type { ServerName } from './server-name.ts';

/** Actions of one row that stay together: in one call, in order, and tried again all or none. */
export interface BatchUnit {
  readonly row: Buffer;
  readonly actions: readonly Action[];
}

/** Cells of each action, or why the unit failed. */
export type UnitOutcome = readonly (readonly Cell[])[] | HBaseError;

interface PlacedUnit {
  readonly at: number;
  readonly unit: BatchUnit;
  readonly region: RegionLocation;
}

interface ServerLoad {
  readonly server: ServerName;
  readonly units: PlacedUnit[];
}

/** Many units at once: one `multi` for each server (or some, where there are too many for one), until all are settled. */
export class Batch {
  readonly #cluster: HBaseCluster;
  readonly #calls: RegionCalls;
  readonly #table: string;
  readonly #effect: Effect;
  readonly #retry: Retry;
  readonly #units: readonly BatchUnit[];
  readonly #outcomes: (UnitOutcome | undefined)[];
  /** Why a unit is still open. */
  readonly #reasons = new Map<number, { readonly code: HBaseError['code']; readonly cause: unknown }>();

  constructor(
    cluster: HBaseCluster,
    calls: RegionCalls,
    work: { table: string; effect: Effect; deadline: number; units: readonly BatchUnit[] },
  ) {
    this.#cluster = cluster;
    this.#calls = calls;
    this.#table = work.table;
    this.#effect = work.effect;
    this.#retry = new Retry(cluster, work.deadline);
    this.#units = work.units;
    this.#outcomes = work.units.map(() => undefined);
  }

  /** One outcome for each unit, in order. Does not throw. */
  async run(): Promise<UnitOutcome[]> {
    for (;;) {
      const open = this.#outcomes.flatMap((outcome, at) => (outcome === undefined ? [at] : []));
      if (open.length === 0) break;
      if (this.#reasons.size > 0) await this.#pause(open);
      const placed = await this.#place(open.filter((at) => this.#outcomes[at] === undefined));
      await Promise.all(this.#loads(placed).map((load) => this.#send(load)));
    }
    return this.#outcomes.map(
      (outcome) => outcome ?? new HBaseError('protocol', 'a unit of a batch was never settled'),
    );
  }

  async #pause(open: readonly number[]): Promise<void> {
    const first = this.#reasons.values().next().value;
    try {
      await this.#retry.pause(first?.code ?? 'unavailable', first?.cause);
    } catch (error) {
      if (!(error instanceof HBaseError)) throw error;
      for (const at of open) {
        const reason = this.#reasons.get(at);
        this.#outcomes[at] = reason
          ? new HBaseError(reason.code, error.message, { cause: reason.cause })
          : error;
      }
    }
    this.#reasons.clear();
  }

  async #place(open: readonly number[]): Promise<PlacedUnit[]> {
    const placed = await Promise.all(open.map((at) => this.#placeOne(at)));
    return placed.filter((unit) => unit !== undefined);
  }

  async #placeOne(at: number): Promise<PlacedUnit | undefined> {
    const unit = this.#units[at];
    if (unit === undefined) return undefined;
    const cached = this.#cluster.locator.cached(this.#table, unit.row);
    if (cached) return { at, unit, region: cached };
    try {
      return { at, unit, region: await this.#calls.locate(this.#table, unit.row, 'at', this.#retry) };
    } catch (error) {
      if (!(error instanceof HBaseError)) throw error;
      this.#outcomes[at] = error;
      return undefined;
    }
  }

  #loads(placed: readonly PlacedUnit[]): ServerLoad[] {
    const full: ServerLoad[] = [];
    const filling = new Map<string, { load: ServerLoad; actions: number }>();
    for (const unit of placed) {
      const key = unit.region.server.address;
      let entry = filling.get(key);
      const actions = unit.unit.actions.length;
      if (entry !== undefined && entry.actions + actions > this.#cluster.limits.actionsPerMultiMax) {
        full.push(entry.load);
        entry = undefined;
      }
      if (entry === undefined) {
        entry = { load: { server: unit.region.server, units: [] }, actions: 0 };
        filling.set(key, entry);
      }
      entry.load.units.push(unit);
      entry.actions += actions;
    }
    return [...full, ...[...filling.values()].map(({ load }) => load)];
  }

  async #send({ server, units }: ServerLoad): Promise<void> {
    const byRegion = new Map<RegionLocation, PlacedUnit[]>();
    for (const unit of units) {
      const others = byRegion.get(unit.region);
      if (others) others.push(unit);
      else byRegion.set(unit.region, [unit]);
    }
    const groups = [...byRegion];
    const regions: RegionActions[] = groups.map(([region, of]) => ({
      region,
      actions: of.flatMap(({ unit }) => unit.actions),
    }));
    try {
      const answers = await this.#cluster
        .channel(server, 'ClientService')
        .call(new MultiRequest(regions), this.#retry.deadline);
      groups.forEach(([, of], i) => this.#settle(of, answers[i]?.outcomes ?? []));
    } catch (error) {
      for (const unit of units) this.#failed(unit, error);
    }
  }

  #settle(units: readonly PlacedUnit[], outcomes: readonly ActionOutcome[]): void {
    let next = 0;
    for (const placed of units) {
      const own = outcomes.slice(next, (next += placed.unit.actions.length));
      const cells: Cell[][] = [];
      let failure: CallError | undefined;
      for (const outcome of own) {
        if (outcome.kind === 'cells') cells.push(outcome.cells);
        else failure ??= remoteFailure(outcome);
      }
      if (failure === undefined) this.#outcomes[placed.at] = cells;
      else this.#failed(placed, failure);
    }
  }

  #failed({ at, region }: PlacedUnit, error: unknown): void {
    if (!(error instanceof CallError || error instanceof ProtoError)) throw error;
    const verdict = verdictOf(error, this.#effect);
    if (verdict.kind === 'fail') {
      this.#outcomes[at] = verdict.error;
      return;
    }
    if (verdict.relocate) this.#cluster.locator.drop(region);
    this.#reasons.set(at, { code: verdict.reason, cause: error });
  }
}

function remoteFailure({ exception }: Extract<ActionOutcome, { kind: 'exception' }>): CallError {
  return new CallError({ kind: 'remote', exception }, `${exception.className}: ${exception.message}`);
}
