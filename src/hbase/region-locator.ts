import { HBaseError } from './hbase-error.ts';
import { readMetaRow, withoutMagic } from './meta-row.ts';
import type { MetaRow } from './meta-row.ts';
import { ProtoReader } from './proto-reader.ts';
import { GetRequest } from './get-request.ts';
import { containsRow, metaTable } from './region.ts';
import type { RegionInfo, RegionLocation } from './region.ts';
import { RegionCache } from './region-cache.ts';
import type { Registry } from './registry.ts';
import { CallError } from './rpc-call.ts';
import { OpenScanRequest } from './scan-request.ts';
import type { Surroundings } from './surroundings.ts';
import { canonicalTableName } from './table-name.ts';

/** `at`: the region that holds the row. `before`: the one that holds what precedes it; an empty row is the end. */
export type Place = 'at' | 'before';

/** Meta rows read by one look-up: the one wanted and its neighbours, which will be wanted soon. */
const metaRowsPerLookup = 5;
const metaBytesMax = 1024 * 1024;
const tableDisabledStates: ReadonlySet<number> = new Set([1, 2]);

/** Finds regions: from memory, else from hbase:meta, one look-up of a table at a time. */
export class RegionLocator {
  readonly #surroundings: Surroundings;
  readonly #registry: Registry;
  readonly #tables = new Map<string, RegionCache>();
  readonly #lookups = new Map<string, Promise<unknown>>();

  constructor(surroundings: Surroundings, registry: Registry) {
    this.#surroundings = surroundings;
    this.#registry = registry;
  }

  /** What memory says. */
  cached(table: string, row: Buffer): RegionLocation | undefined {
    return this.#tables.get(table)?.find(row);
  }

  /**
   * One try to find a region; the caller tries again.
   * @throws CallError where meta cannot be asked now or has no answer yet
   * @throws HBaseError `table_not_found`, `table_disabled`
   */
  async locate(table: string, row: Buffer, place: Place): Promise<RegionLocation> {
    const name = canonicalTableName(table);
    if (name === metaTable) return this.#registry.metaLocation();
    for (;;) {
      const known = place === 'at' ? this.cached(name, row) : undefined;
      if (known) return known;
      const other = this.#lookups.get(name);
      if (other === undefined) break;
      await other; // it may bring the region that is wanted here
    }
    const lookup = this.#lookup(name, row, place).finally(() => this.#lookups.delete(name));
    this.#lookups.set(name, lookup);
    return this.#pick(await lookup, name, row, place);
  }

  /** Forgets a location that proved wrong; a newer one that has replaced it stays. */
  drop(location: RegionLocation): void {
    if (location.info.table === metaTable) this.#registry.forgetMeta(location);
    else this.#tables.get(location.info.table)?.drop(location);
  }

  /** Forgets a table: it was changed from here. */
  forget(table: string): void {
    this.#tables.delete(canonicalTableName(table));
  }

  /** Reads regions around the one wanted out of meta, and keeps those that can be used. */
  async #lookup(table: string, row: Buffer, place: Place): Promise<MetaRow[]> {
    const rows = await this.#scanMeta(table, startOfLookup(table, row, place));
    let cache = this.#tables.get(table);
    for (const { info, location, state } of rows) {
      if (!location || !isUsable(info, state)) continue;
      if (cache === undefined) this.#tables.set(table, (cache = new RegionCache()));
      cache.insert(location);
    }
    return rows;
  }

  async #pick(rows: readonly MetaRow[], table: string, row: Buffer, place: Place): Promise<RegionLocation> {
    if (rows.length === 0) {
      throw (
        (await this.#ifDisabled(table)) ?? new HBaseError('table_not_found', `there is no table ${table}`)
      );
    }
    const found = rows.find(({ info }) => !info.split && isWanted(info, row, place));
    if (found === undefined) throw inTransition(`no region of ${table} holds the row now`);
    if (found.location && isUsable(found.info, found.state)) return found.location;
    const disabled = await this.#ifDisabled(table);
    throw disabled ?? inTransition(`a region of ${table} is ${found.state || 'not assigned'}`);
  }

  async #scanMeta(table: string, startRow: Buffer): Promise<MetaRow[]> {
    const meta = await this.#registry.metaLocation();
    const request = new OpenScanRequest({
      region: meta.specifier,
      columns: [{ family: 'info' }],
      startRow,
      includeStartRow: true,
      stopRow: Buffer.from(`${table},,`, 'utf8'),
      reversed: true,
      rowsMax: metaRowsPerLookup,
      bytesMax: metaBytesMax,
      once: true,
    });
    const { results } = await this.#askMeta(meta, (deadline) =>
      this.#surroundings.channel(meta.server, 'ClientService').call(request, deadline),
    );
    return results.map(({ cells }) => readMetaRow(cells)).filter((row) => row !== undefined);
  }

  async #ifDisabled(table: string): Promise<HBaseError | undefined> {
    const meta = await this.#registry.metaLocation();
    const column = { family: 'table', qualifiers: [Buffer.from('state', 'latin1')] };
    const request = new GetRequest(meta, { row: Buffer.from(table, 'utf8'), columns: [column] });
    const [cell] = await this.#askMeta(meta, (deadline) =>
      this.#surroundings.channel(meta.server, 'ClientService').call(request, deadline),
    );
    if (cell === undefined) return undefined;
    const disabled = tableDisabledStates.has(readTableState(cell.value));
    return disabled ? new HBaseError('table_disabled', `table ${table} is disabled`) : undefined;
  }

  async #askMeta<T>(meta: RegionLocation, ask: (deadline: number) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#surroundings.time.monotonicMs() + this.#surroundings.limits.lookupTimeoutMs);
    } catch (error) {
      this.#registry.forgetMeta(meta);
      throw error;
    }
  }
}

/** Region names sort as table, start key, id; `:` follows all digits, and an id is digits. */
function startOfLookup(table: string, row: Buffer, place: Place): Buffer {
  if (place === 'before' && row.length === 0) return Buffer.from(`${table}\0`, 'utf8');
  const id = place === 'at' ? ',:' : ',0';
  return Buffer.concat([Buffer.from(`${table},`, 'utf8'), row, Buffer.from(id, 'latin1')]);
}

function isUsable(info: RegionInfo, state: string): boolean {
  return !info.split && !info.offline && info.replicaId === 0 && state !== 'CLOSED';
}

function isWanted(info: RegionInfo, row: Buffer, place: Place): boolean {
  if (place === 'at') return containsRow(info, row);
  const startsBefore = row.length === 0 || info.startKey.compare(row) < 0;
  return startsBefore && (info.endKey.length === 0 || (row.length > 0 && info.endKey.compare(row) >= 0));
}

/** The state number of a TableState as meta holds it; 0 is enabled. */
function readTableState(value: Buffer): number {
  // The value has no mark in some releases.
  const marked = value.subarray(0, 4).toString('latin1') === 'PBUF';
  const reader = new ProtoReader(marked ? withoutMagic(value) : value);
  let state = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) state = reader.uint();
    else reader.skip(tag);
  }
  return state;
}

function inTransition(message: string): CallError {
  return new CallError({ kind: 'notSent', reason: 'connect' }, message);
}
