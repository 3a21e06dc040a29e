import type { Cell, CellBlock } from './cell.ts';
import { readResult, writeGet } from './get-request.ts';
import type { Get } from './get-request.ts';
import { writeCondition, writeDelete, writePut } from './mutate-request.ts';
import type { Condition, DeletedColumn, Put } from './mutate-request.ts';
import { ProtoError } from './proto-reader.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RegionLocation } from './region.ts';
import { readNamedException } from './remote-exception.ts';
import type { RemoteException } from './remote-exception.ts';
import type { RpcRequest } from './rpc-call.ts';

export type Action =
  | { readonly kind: 'get'; readonly get: Get }
  | { readonly kind: 'put'; readonly put: Put }
  | { readonly kind: 'delete'; readonly row: Buffer; readonly columns: readonly DeletedColumn[] };

/** Actions for one region, run in their order; with a condition: of one row, together or not at all. */
export interface RegionActions {
  readonly region: RegionLocation;
  readonly actions: readonly Action[];
  readonly condition?: { readonly row: Buffer; readonly is: Condition };
}

export type ActionOutcome =
  | { readonly kind: 'cells'; readonly cells: Cell[] }
  | { readonly kind: 'exception'; readonly exception: RemoteException };

export interface RegionOutcome {
  /** Whether the condition held. */
  readonly processed: boolean;
  /** One for each action, in order. */
  readonly outcomes: readonly ActionOutcome[];
}

/** Actions on several regions of one server, in one call. */
export class MultiRequest implements RpcRequest<RegionOutcome[]> {
  readonly method = 'Multi';
  readonly #regions: readonly RegionActions[];

  constructor(regions: readonly RegionActions[]) {
    this.#regions = regions;
  }

  encode(out: ProtoWriter): void {
    for (const { region, actions, condition } of this.#regions) {
      const regionAction = out.open(1);
      out.bytes(1, region.specifier);
      if (condition) out.bool(2, true);
      actions.forEach((action, index) => writeAction(out, index, action));
      if (condition) writeCondition(out, 4, condition.row, condition.is);
      out.close(regionAction);
    }
  }

  decode(answer: ProtoReader, cells: CellBlock): RegionOutcome[] {
    const regions: RegionOutcome[] = [];
    for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
      if (tag >>> 3 === 1) {
        const asked = this.#regions[regions.length];
        if (asked === undefined) throw new ProtoError('a multi answers for more regions than were asked');
        regions.push(readRegionOutcome(answer, cells, asked));
      } else {
        answer.skip(tag);
      }
    }
    if (regions.length < this.#regions.length) throw new ProtoError('a multi answers for too few regions');
    return regions;
  }
}

function writeAction(out: ProtoWriter, index: number, action: Action): void {
  const open = out.open(3);
  out.uint(1, index);
  switch (action.kind) {
    case 'get':
      writeGet(out, 3, action.get);
      break;
    case 'put':
      writePut(out, 2, action.put);
      break;
    case 'delete':
      writeDelete(out, 2, action.row, action.columns);
      break;
  }
  out.close(open);
}

/** Reads the RegionActionResult that comes next. */
function readRegionOutcome(reader: ProtoReader, cells: CellBlock, asked: RegionActions): RegionOutcome {
  const outcomes = new Array<ActionOutcome | undefined>(asked.actions.length).fill(undefined);
  let exception: RemoteException | undefined;
  let processed = false;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) readActionOutcome(reader, cells, outcomes);
    else if (tag >>> 3 === 2) exception = readNamedException(reader);
    else if (tag >>> 3 === 3) processed = reader.bool();
    else reader.skip(tag);
  }
  reader.leave(outer);
  const missing: ActionOutcome | undefined =
    exception !== undefined
      ? { kind: 'exception', exception }
      : asked.condition !== undefined
        ? { kind: 'cells', cells: [] } // a condition answers for all of its actions at once
        : undefined;
  return {
    processed,
    outcomes: outcomes.map((outcome) => {
      const known = exception === undefined ? (outcome ?? missing) : missing;
      if (known === undefined) throw new ProtoError('a multi leaves an action without an answer');
      return known;
    }),
  };
}

/** Reads the ResultOrException that comes next into its place. */
function readActionOutcome(
  reader: ProtoReader,
  cells: CellBlock,
  outcomes: (ActionOutcome | undefined)[],
): void {
  let index = 0;
  let outcome: ActionOutcome = { kind: 'cells', cells: [] };
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) index = reader.uint();
    else if (tag >>> 3 === 2) outcome = { kind: 'cells', cells: readResult(reader, cells) };
    else if (tag >>> 3 === 3) outcome = { kind: 'exception', exception: readNamedException(reader) };
    else reader.skip(tag);
  }
  reader.leave(outer);
  if (index >= outcomes.length) throw new ProtoError('a multi answers an action that was not asked');
  outcomes[index] = outcome;
}
