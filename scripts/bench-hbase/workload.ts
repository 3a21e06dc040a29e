/** What each client under test does, and how it is measured: the same for all of them. `Bench.java` does it again. */

export const operationNames = ['put', 'conditionalPut', 'get', 'wideGet'] as const;
export type OperationName = (typeof operationNames)[number];

/** The clients, by the names that the report uses. */
export const clientNames = ['ours', 'java', 'hbaseRpcClient'] as const;
export type ClientName = (typeof clientNames)[number];

/**
 * One table that all clients share, so that each reads what the others read. `rows` rows of one value for puts and
 * gets; behind them a block of rows for each client, one a lane, for conditional puts that compare and raise a
 * version of 8 bytes; one wide row, read 50 cells at a time by a column range.
 */
export const shape = {
  table: 'bench',
  family: 'f',
  valueQualifier: Buffer.from('v'),
  versionQualifier: Buffer.from('n'),
  valueBytes: 100,
  rows: 4096,
  lanesMax: 1024,
  wideRow: Buffer.from('wide'),
  wideCells: 5000,
  wideGetCells: 50,
  callTimeoutMs: 10_000,
} as const;

export const benchValue = Buffer.alloc(shape.valueBytes, 'x');
export const firstVersion = Buffer.alloc(8);

export function rowKey(index: number): Buffer {
  const key = Buffer.alloc(12, 'r');
  key.writeUInt16BE((index * 40_503) & 0xffff, 0); // spread over the regions
  key.writeUInt32BE(index, 8);
  return key;
}

/** The row that a lane puts or gets in its n-th turn. */
export function sharedRow(lane: number, turn: number): Buffer {
  return rowKey((lane + turn * 257) % shape.rows);
}

/** The row of one lane's conditional puts. */
export function ownRow(client: ClientName, lane: number): Buffer {
  return rowKey(shape.rows + clientNames.indexOf(client) * shape.lanesMax + lane);
}

export function nextVersion(version: Buffer): Buffer {
  const next = Buffer.alloc(8);
  next.writeUInt32BE(version.readUInt32BE(4) + 1, 4);
  return next;
}

export function wideQualifier(index: number): Buffer {
  const qualifier = Buffer.alloc(8);
  qualifier.writeUInt32BE(index, 4);
  return qualifier;
}

/** The first qualifier of a lane's n-th read of the wide row. */
export function wideFrom(lane: number, turn: number): Buffer {
  return wideQualifier((lane * 131 + turn * 50) % (shape.wideCells - shape.wideGetCells));
}

/** Touches what was read as a user would. Throws where it is not what the wide row holds. */
export function checkWideCells(
  cells: readonly { readonly qualifier: Buffer; readonly value: Buffer }[],
): void {
  let bytes = 0;
  for (const cell of cells) bytes += cell.qualifier.length + cell.value.length;
  const expected = shape.wideGetCells * (8 + shape.valueBytes);
  if (bytes !== expected) throw new Error(`read ${bytes} bytes of the wide row, not ${expected}`);
}
