import { hash32 } from '../std/hash.ts';

/** Row keys begin with a 16-bit hash of the entity's id, so that rows spread evenly over pre-split regions. */
export const rowHashCount = 0x10000;

/** The leading 16 bits of an entity's row key, 0..65535. */
export function rowHash(entityId: string): number {
  return hash32(entityId) >>> 16;
}

/**
 * `<2-byte hash><id>`; the id (a user id, or `grp:…`) has no byte below 0x2d, so a suffix after 0x00 stays free.
 * @param suffix bytes
 */
export function rowKey(entityId: string, ...suffix: readonly number[]): Buffer {
  const end = 2 + Buffer.byteLength(entityId);
  const key = Buffer.allocUnsafe(end + suffix.length);
  key.writeUInt16BE(rowHash(entityId), 0);
  key.write(entityId, 2);
  suffix.forEach((byte, index) => {
    key[end + index] = byte;
  });
  return key;
}

/** The entity's id in a row key, or undefined where it is an auxiliary row (a suffix after 0x00). */
export function entityOf(key: Buffer): string | undefined {
  return key.indexOf(0, 2) >= 0 ? undefined : key.toString('utf8', 2);
}
