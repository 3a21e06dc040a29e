import type { Settings } from '../config/settings.ts';
import { KeyedBuckets } from '../std/keyed-buckets.ts';

/** Users whose rate is remembered at once. */
export const usersMax = 100_000;
/** A burst of calls that a user may make after a pause, in seconds of the sustained rate. */
const burstSeconds = 5;

/** What each user may call: one rate for all connections and requests, and for what comes by other nodes. */
export function userRates(limits: Pick<Settings['limits'], 'requestsPerSecondPerUser'>): KeyedBuckets {
  const tokensPerSecond = limits.requestsPerSecondPerUser;
  return new KeyedBuckets({ tokensPerSecond, burst: tokensPerSecond * burstSeconds, keysMax: usersMax });
}
