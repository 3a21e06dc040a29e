import type { FairTurns } from '../std/fair-turns.ts';
import type { KeyedBuckets } from '../std/keyed-buckets.ts';
import type { Time } from '../std/time.ts';
import type { CallTally, NodeMetrics } from '../telemetry/node-metrics.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Call } from './call-table.ts';

/** Limits of the calls of one connection; see `callLimits` for their values. */
export interface CallLimits {
  /** Calls under way, waiting reads included; beyond it a call is `overloaded`. */
  readonly inFlightMax: number;
  /** Calls under way from which on no more is read from the socket. */
  readonly inFlightBusy: number;
  /** Reads running at once: their replies are what takes memory. */
  readonly readsMax: number;
  /** Time for an answer. */
  readonly deadlineMs: number;
}

/** What all connections of a node need to serve calls. */
export interface CallService {
  readonly calls: ReadonlyMap<string, ServedCall>;
  /** For calls that nobody knows: a foreign name must not become a label. */
  readonly unknownTally: CallTally;
  readonly limits: CallLimits;
  /** By user: calls that may be refused for their rate before the connection is closed, whichever it is. */
  readonly refusals: KeyedBuckets;
  /** Replies to reads are made in turns, by user: a page may be a megabyte. */
  readonly replyTurns: FairTurns;
  readonly time: Time;
  readonly logger: Logger;
}

export interface ServedCall {
  readonly call: Call;
  readonly tally: CallTally;
}

/** Each call with its tally at hand. */
export function servedCalls(
  calls: ReadonlyMap<string, Call>,
  metrics: NodeMetrics,
): ReadonlyMap<string, ServedCall> {
  return new Map([...calls].map(([name, call]) => [name, { call, tally: metrics.call(name) }]));
}

/** The limits that are not settings: they follow from each other and from the size of a socket's buffer. */
export function callLimits(deadlineMs: number): CallLimits {
  return { inFlightMax: 2048, inFlightBusy: 256, readsMax: 4, deadlineMs };
}
