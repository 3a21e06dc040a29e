const format = 1;
const encodedBytes = 29;

/**
 * The version of a row: one cell (`h:v`) that every commit compares and replaces. It holds the version
 * number (from 1, one more a commit), the ring epoch of the writer, and who wrote it: the writer's
 * incarnation (one start of one process) and a nonce that is different for every attempt.
 * Two versions are the same write exactly when their bytes are equal.
 *
 * Bytes: format (1) | number (u64 BE) | epoch (u32 BE) | incarnation (8) | nonce (u64 BE).
 */
export interface RowVersion {
  readonly number: number;
  readonly epoch: number;
  readonly bytes: Buffer;
}

export class RowVersionError extends Error {
  override readonly name = 'RowVersionError';
}

/** @throws RowVersionError where the bytes are not a version of a known format. */
export function decodeRowVersion(bytes: Buffer): RowVersion {
  if (bytes.length !== encodedBytes || bytes[0] !== format) {
    throw new RowVersionError(`not a row version: ${bytes.toString('hex').slice(0, 80)}`);
  }
  const number = bytes.readUInt32BE(1) * 0x100000000 + bytes.readUInt32BE(5);
  return { number, epoch: bytes.readUInt32BE(9), bytes };
}

/** The writer's incarnation, as hex. */
export function writerOf(version: RowVersion): string {
  return version.bytes.toString('hex', 13, 21);
}

export function sameVersion(a: RowVersion | undefined, b: RowVersion | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.bytes.equals(b.bytes);
}

/** Makes the versions that one incarnation writes; never the same one twice. */
export class RowVersionSource {
  readonly #incarnation: Buffer;
  #nonce = 0;

  /** @param incarnation 8 random bytes, drawn anew at each start of the process */
  constructor(incarnation: Buffer) {
    if (incarnation.length !== 8) throw new RowVersionError('an incarnation has 8 bytes');
    this.#incarnation = incarnation;
  }

  next(base: RowVersion | undefined, epoch: number): RowVersion {
    const number = (base?.number ?? 0) + 1;
    const nonce = ++this.#nonce;
    const bytes = Buffer.allocUnsafe(encodedBytes);
    bytes[0] = format;
    bytes.writeUInt32BE(Math.floor(number / 0x100000000), 1);
    bytes.writeUInt32BE(number >>> 0, 5);
    bytes.writeUInt32BE(epoch, 9);
    this.#incarnation.copy(bytes, 13);
    bytes.writeUInt32BE(Math.floor(nonce / 0x100000000), 21);
    bytes.writeUInt32BE(nonce >>> 0, 25);
    return { number, epoch, bytes };
  }
}
