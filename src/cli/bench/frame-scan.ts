// Reading a server's frames by the place of their bytes instead of parsing them, where they have the expected
// shape. A quote inside a JSON string is always escaped, so `"messageId":"` with bare quotes can only be a key.

const replyPrefix = Buffer.from('{"jsonrpc":"2.0","id":', 'latin1');
const resultPart = Buffer.from(',"result":', 'latin1');
const pushPrefix = Buffer.from('{"jsonrpc":"2.0","method":"change"', 'latin1');
const messageIdKey = Buffer.from('"messageId":"', 'latin1');

/** Where the key of the messageId was last, from the beginning of its frame. */
let usualOffset = 0;

const zero = 0x30;
const nine = 0x39;
const dot = 0x2e;
const hyphen = 0x2d;
const quote = 0x22;

function startsWith(bytes: Buffer, at: number, end: number, prefix: Buffer): boolean {
  if (end - at < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** The id of a successful reply of the usual shape, else -1: parse it. */
export function replyIdAt(bytes: Buffer, start: number, end: number): number {
  if (!startsWith(bytes, start, end, replyPrefix)) return -1;
  let at = start + replyPrefix.length;
  let id = 0;
  for (let byte = bytes[at] ?? 0; byte >= zero && byte <= nine; byte = bytes[++at] ?? 0) {
    id = id * 10 + byte - zero;
  }
  return startsWith(bytes, at, end, resultPart) ? id : -1;
}

/** True for a `change` push of the usual shape. */
export function isChangeAt(bytes: Buffer, start: number, end: number): boolean {
  return startsWith(bytes, start, end, pushPrefix);
}

/** Which message of the load a push is about. */
export interface LoadMessage {
  sender: number;
  number: number;
}

/**
 * Finds the messageId `<epochMs>.<run>-<sender>.<device>.<number>` in a frame and reads sender and number into
 * `found`; false where there is none of that form.
 */
export function readLoadMessage(bytes: Buffer, start: number, end: number, found: LoadMessage): boolean {
  // Frames of one kind have it in the same place, or nearly: mostly no native search is needed.
  if (!startsWith(bytes, start + usualOffset, end, messageIdKey)) {
    const offset = bytes.subarray(start, end).indexOf(messageIdKey);
    if (offset < 0) return false;
    usualOffset = offset;
  }
  let at = start + usualOffset + messageIdKey.length;
  while (at < end && bytes[at] !== hyphen && bytes[at] !== quote) at++;
  if (bytes[at++] !== hyphen) return false;
  let sender = 0;
  for (let byte = bytes[at] ?? 0; byte >= zero && byte <= nine; byte = bytes[++at] ?? 0) {
    sender = sender * 10 + byte - zero;
  }
  if (bytes[at++] !== dot) return false;
  while (at < end && bytes[at] !== dot && bytes[at] !== quote) at++;
  if (bytes[at++] !== dot) return false;
  let number = 0;
  for (let byte = bytes[at] ?? 0; byte >= zero && byte <= nine; byte = bytes[++at] ?? 0) {
    number = number * 10 + byte - zero;
  }
  if (bytes[at] !== quote) return false;
  found.sender = sender;
  found.number = number;
  return true;
}

/** The number that follows the last `key` (such as `"seq":`) of a frame, or -1. */
export function lastNumberOf(bytes: Buffer, start: number, end: number, key: Buffer): number {
  const found = bytes.lastIndexOf(key, end - key.length);
  if (found < start) return -1;
  let number = 0;
  for (let at = found + key.length; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < zero || byte > nine) break;
    number = number * 10 + byte - zero;
  }
  return number;
}

/** Whether a frame has `part`. */
export function hasPart(bytes: Buffer, start: number, end: number, part: Buffer): boolean {
  return bytes.subarray(start, end).includes(part);
}
