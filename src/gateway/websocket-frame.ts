/** The two data frames of RFC 6455; a server's frames are never masked. */
export const textFrame = 1;
export const binaryFrame = 2;
export type FrameKind = typeof textFrame | typeof binaryFrame;

const lastFragment = 0x80;

/** Bytes of the header of a frame with so many bytes of payload. */
export function headerBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header of an unfragmented frame and returns the place after it. */
export function writeHeader(target: Buffer, at: number, kind: FrameKind, payloadBytes: number): number {
  target[at] = lastFragment | kind;
  if (payloadBytes < 126) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes < 65_536) {
    target[at + 1] = 126;
    return target.writeUInt16BE(payloadBytes, at + 2);
  }
  target[at + 1] = 127;
  target.writeUInt32BE(0, at + 2); // no payload reaches 4 GiB
  return target.writeUInt32BE(payloadBytes, at + 6);
}

/** Payloads as frames, one after the other in one buffer. */
export function framesOf(kind: FrameKind, payloads: readonly (string | Uint8Array)[]): Buffer {
  const sizes = payloads.map(payloadBytesOf);
  const total = sizes.reduce((sum, bytes) => sum + headerBytes(bytes) + bytes, 0);
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  payloads.forEach((payload, index) => {
    const bytes = sizes[index] ?? 0;
    at = writeHeader(frames, at, kind, bytes);
    at = writePayload(frames, at, payload, bytes);
  });
  return frames;
}

export function payloadBytesOf(payload: string | Uint8Array): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

/** Writes a payload whose size is known and returns the place after it. */
export function writePayload(
  target: Buffer,
  at: number,
  payload: string | Uint8Array,
  payloadBytes: number,
): number {
  if (typeof payload === 'string') target.write(payload, at, payloadBytes);
  else target.set(payload, at);
  return at + payloadBytes;
}
