/**
 * FNV-1a, 32 bits, over the UTF-16 units of a string, with a final avalanche (Murmur3's finalizer),
 * so that ids that differ in one character spread over all bits. Stable for ever: row keys are made of it.
 */
export function hash32(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A 53-bit fingerprint of a string as a safe integer; for comparing contents, not for security. */
export function hash53(text: string): number {
  return (hash32(text) & 0x1fffff) * 0x100000000 + hash32(text, 0x9747b28c);
}
