import type { TokenBucket } from '../std/token-bucket.ts';

/** So much of what a read answers is in its price; each more of it costs one call more. */
const bytesPerUnit = 64 * 1024;

/** Takes from the rate of whoever asked what a large answer costs beyond the call itself. */
export function chargeReply(bucket: TokenBucket, bytes: number, nowMs: number): void {
  if (bytes > bytesPerUnit) bucket.charge(bytes / bytesPerUnit, nowMs);
}
