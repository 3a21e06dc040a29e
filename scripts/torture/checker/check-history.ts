import type { FinalView, History } from '../history.ts';
import { Evidence } from './evidence.ts';
import { checkChanges } from './rules/changes.ts';
import { checkCounters } from './rules/counters.ts';
import { checkDurableAck } from './rules/durable-ack.ts';
import { checkEqualCopies } from './rules/equal-copies.ts';
import { checkFeed } from './rules/feed.ts';
import { checkFreshReads } from './rules/fresh-reads.ts';
import { checkIdempotence } from './rules/idempotence.ts';
import { checkMembership } from './rules/membership.ts';
import { checkOneHistory } from './rules/one-history.ts';
import { checkOrder } from './rules/order.ts';
import { checkProvenance } from './rules/provenance.ts';
import { checkSafeRetry } from './rules/safe-retry.ts';
import type { Violation } from './violation.ts';

const rules = [
  checkDurableAck,
  checkIdempotence,
  checkOrder,
  checkSafeRetry,
  checkEqualCopies,
  checkOneHistory,
  checkFreshReads,
  checkFeed,
  checkCounters,
  checkProvenance,
  checkChanges,
  checkMembership,
];

/** Holds a history, and what can be read at its end, against the promises. Knows nothing of the server. */
export function checkHistory(history: History, views: readonly FinalView[]): Violation[] {
  const evidence = new Evidence(history, views);
  return rules.flatMap((rule) => rule(evidence));
}
