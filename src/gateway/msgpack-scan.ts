/** Containers within containers. */
const depthMax = 32;

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/**
 * True where the bytes are exactly one MessagePack value of the kinds that JSON has. Looks at every header before
 * anything is built from it, because a decoder takes a header's word: five bytes can claim an array of four billion.
 * Binary strings and extensions are refused, but for `undefined` as JavaScript encoders write it.
 */
export function isPlainMessagePack(bytes: Buffer): boolean {
  const cursor = { bytes, at: 0 };
  return skipValue(cursor, depthMax) && cursor.at === bytes.length;
}

function skipValue(cursor: Cursor, depth: number): boolean {
  const head = cursor.bytes[cursor.at++];
  if (head === undefined) return false;
  if (head < 0x80 || head >= 0xe0) return true; // a small integer
  if (head < 0x90) return skipItems(cursor, head & 0x0f, true, depth);
  if (head < 0xa0) return skipItems(cursor, head & 0x0f, false, depth);
  if (head < 0xc0) return skipBytes(cursor, head & 0x1f);
  return skipLong(cursor, head, depth);
}

/** Values whose head is a byte from 0xc0 to 0xdf. */
function skipLong(cursor: Cursor, head: number, depth: number): boolean {
  switch (head) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return true;
    case 0xcc: // uint 8 to 64
    case 0xcd:
    case 0xce:
    case 0xcf:
      return skipBytes(cursor, 1 << (head - 0xcc));
    case 0xd0: // int 8 to 64
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return skipBytes(cursor, 1 << (head - 0xd0));
    case 0xca: // float 32, 64
      return skipBytes(cursor, 4);
    case 0xcb:
      return skipBytes(cursor, 8);
    case 0xd4: // ext of one byte, type 0: undefined
      return cursor.bytes[cursor.at] === 0 && skipBytes(cursor, 2);
    case 0xd9: // str 8, 16, 32
    case 0xda:
    case 0xdb:
      return skipSized(cursor, 1 << (head - 0xd9));
    case 0xdc: // array 16, 32
    case 0xdd:
      return skipItems(cursor, readSize(cursor, 2 << (head - 0xdc)), false, depth);
    case 0xde: // map 16, 32
    case 0xdf:
      return skipItems(cursor, readSize(cursor, 2 << (head - 0xde)), true, depth);
    default:
      return false;
  }
}

function skipItems(cursor: Cursor, count: number | undefined, isMap: boolean, depth: number): boolean {
  // Every item takes a byte at least.
  if (count === undefined || depth === 0 || count > cursor.bytes.length - cursor.at) return false;
  for (let item = 0; item < count; item++) {
    if (isMap && !isText(cursor.bytes[cursor.at])) return false;
    if (isMap && !skipValue(cursor, 0)) return false;
    if (!skipValue(cursor, depth - 1)) return false;
  }
  return true;
}

function isText(head: number | undefined): boolean {
  return head !== undefined && ((head >= 0xa0 && head < 0xc0) || (head >= 0xd9 && head <= 0xdb));
}

function skipSized(cursor: Cursor, sizeBytes: number): boolean {
  const size = readSize(cursor, sizeBytes);
  return size !== undefined && skipBytes(cursor, size);
}

function readSize(cursor: Cursor, sizeBytes: number): number | undefined {
  if (cursor.at + sizeBytes > cursor.bytes.length) return undefined;
  const size = cursor.bytes.readUIntBE(cursor.at, sizeBytes);
  cursor.at += sizeBytes;
  return size;
}

function skipBytes(cursor: Cursor, count: number): boolean {
  cursor.at += count;
  return cursor.at <= cursor.bytes.length;
}
