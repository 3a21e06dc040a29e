import type { FinalView, History } from '../history.ts';
import { Evidence } from './evidence.ts';
import { checkBlocks } from './rules/blocks.ts';
import { checkChanges } from './rules/changes.ts';
import { checkCounters } from './rules/counters.ts';
import { checkDurableAck } from './rules/durable-ack.ts';
import { checkEqualCopies } from './rules/equal-copies.ts';
import { checkFeed } from './rules/feed.ts';
import { checkFreshChanges } from './rules/fresh-changes.ts';
import { checkFreshReads } from './rules/fresh-reads.ts';
import { checkIdempotence } from './rules/idempotence.ts';
import { checkLargeFeed } from './rules/large-feed.ts';
import { checkMembership } from './rules/membership.ts';
import { checkOneHistory } from './rules/one-history.ts';
import { checkOrder } from './rules/order.ts';
import { checkPresence } from './rules/presence.ts';
import { checkProvenance } from './rules/provenance.ts';
import { checkReceipts } from './rules/receipts.ts';
import { checkRefusals } from './rules/refusals.ts';
import { checkResets } from './rules/resets.ts';
import { checkSafeRetry } from './rules/safe-retry.ts';
import { checkTyping } from './rules/typing.ts';
import type { Violation } from './violation.ts';

const rules = [
  checkDurableAck,
  checkIdempotence,
  checkOrder,
  checkSafeRetry,
  checkEqualCopies,
  checkOneHistory,
  checkFreshReads,
  checkFreshChanges,
  checkFeed,
  checkLargeFeed,
  checkResets,
  checkCounters,
  checkProvenance,
  checkChanges,
  checkMembership,
  checkBlocks,
  checkReceipts,
  checkPresence,
  checkTyping,
  checkRefusals,
];

/** Holds a history, and what can be read at its end, against the promises. Knows nothing of the server. */
export function checkHistory(history: History, views: readonly FinalView[]): Violation[] {
  const evidence = new Evidence(history, views);
  return rules.flatMap((rule) => rule(evidence));
}
