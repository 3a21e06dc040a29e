import type { MemberNode } from './member-node.ts';
import type { PushService } from './push/push-service.ts';
import type { NodeMetrics } from './telemetry/node-metrics.ts';
import { observeMetrics } from './telemetry/observed-metrics.ts';

const counter = (name: string, help: string, read: () => number) =>
  ({ kind: 'counter', name: `mailring_${name}_total`, help, read }) as const;
const gauge = (name: string, help: string, read: () => number) =>
  ({ kind: 'gauge', name: `mailring_${name}`, help, read }) as const;

/** What Prometheus hears of mailboxes, links, the ring, and of users that move. */
export function observeMember(metrics: NodeMetrics, node: MemberNode): void {
  observeHandoff(metrics, node);
  observePresence(metrics, node);
  const { registry, tally, peerTally } = node;
  observeMetrics(metrics.registry, [
    gauge('cache_bytes', 'Memory taken by mailboxes (estimated).', () => registry.stats.bytes),
    gauge('cache_mailboxes', 'Mailboxes in memory.', () => registry.stats.mailboxes),
    counter('cache_hits', 'Reads of a mailbox answered from memory.', () => tally.queryHits),
    counter('cache_misses', 'Reads of a mailbox that had to ask the store.', () => tally.queryMisses),
    gauge('cache_loads', 'Mailboxes being read from the store.', () => registry.loads.running),
    gauge('cache_loads_waiting', 'Mailboxes that wait for that.', () => registry.loads.waiting),
    counter(
      'cache_loads_refused',
      'Mailboxes that were not read: too many waited.',
      () => registry.loads.refused,
    ),
    counter('cache_evicted_tiers', 'Steps of eviction within a mailbox.', () => registry.stats.evictedTiers),
    counter('cache_evicted_mailboxes', 'Mailboxes evicted.', () => registry.stats.evictedMailboxes),
    counter('mailbox_activations', 'Mailboxes read into memory.', () => tally.activations),
    counter(
      'mailbox_revivals',
      'Mailboxes taken into memory as another node sent them.',
      () => tally.revivals,
    ),
    counter('mailbox_freshness_checks', 'Version checks against the store.', () => tally.freshnessChecks),
    counter('commits', 'Commits that are durable.', () => tally.commits),
    counter('committed_inputs', 'Inputs in durable commits.', () => tally.committedInputs),
    counter('commit_conflicts', 'Commits that another writer came before.', () => tally.conflicts),
    counter('commit_failures', 'Commits that failed.', () => tally.failedCommits),

    gauge('ring_epoch', 'Epoch of the ring view in force; 0 before joining.', () => node.view?.epoch ?? 0),
    gauge('ring_members', 'Nodes in the ring view in force.', () => node.view?.members.length ?? 0),
    gauge('ring_is_member', '1 while this node is in the view in force.', () => (node.isMember ? 1 : 0)),

    gauge('peer_links_open', 'Links to other nodes that are up.', () => openLinks(node)),
    gauge('peer_requests_pending', 'Requests to other nodes that wait for a reply.', () => pending(node)),
    counter('peer_requests_sent', 'Requests to other nodes.', () => peerTally.requestsSent),
    counter('peer_requests_received', 'Requests of other nodes.', () => peerTally.requestsReceived),
    counter('peer_notes_sent', 'Pushes to other nodes.', () => peerTally.notesSent),
    counter('peer_overloaded', 'Refused because a queue to a peer was full.', () => peerTally.overloaded),
    counter('peer_resent_frames', 'Frames sent again after a break.', () => peerTally.resent),
    counter('peer_sent_bytes', 'Bytes to other nodes.', () => peerTally.bytesSent),
    counter('peer_received_bytes', 'Bytes from other nodes.', () => peerTally.bytesReceived),
    counter('peer_connects', 'Connections to other nodes that came up.', () => peerTally.connects),
    counter('peer_failed_connects', 'Connections that did not.', () => peerTally.failedConnects),
    counter('peer_resets', 'Channels given up: what was under way failed.', () => peerTally.resets),
  ]);
}

/** What Prometheus hears of the certificates of peer links. */
export function observePeerCertificates(
  metrics: NodeMetrics,
  certificates: { readonly expiryMs: number },
): void {
  observeMetrics(metrics.registry, [
    gauge(
      'peer_certificate_expiry_timestamp_seconds',
      'When other nodes begin to refuse the certificate that is in use, as a Unix time.',
      () => certificates.expiryMs / 1_000,
    ),
  ]);
}

/** What Prometheus hears of notices to sleeping devices. */
export function observePush(metrics: NodeMetrics, push: PushService): void {
  const { tally } = push;
  observeMetrics(metrics.registry, [
    gauge('push_waiting', 'Users whose notice waits to be delivered.', () => push.waiting),
    counter('push_delivered', 'Notices that the receiver has taken.', () => tally.delivered),
    counter('push_dropped', 'Notices refused, given up, or too many.', () => tally.dropped),
    counter('push_failed_requests', 'Requests to the receiver that failed.', () => tally.failedRequests),
  ]);
}

function observePresence(metrics: NodeMetrics, { presence }: MemberNode): void {
  observeMetrics(metrics.registry, [
    gauge('presence_watches', 'Sessions here that watch who is there.', () => presence.stats.watches),
    gauge(
      'presence_watched',
      'Users of this node who are watched, once for each who watches.',
      () => presence.stats.watched,
    ),
    counter(
      'presence_changes_told',
      'Who came or went, pushed to sessions here.',
      () => presence.stats.changesTold,
    ),
    counter('typing_told', 'Who writes, told to users with devices here.', () => presence.stats.typingTold),
  ]);
}

function observeHandoff(metrics: NodeMetrics, node: MemberNode): void {
  const { copies, tally } = node.handoff;
  const seconds = (ms: number): number => ms / 1_000;
  observeMetrics(metrics.registry, [
    gauge('ring_weight', 'Weight of this node in the view in force.', () => node.weight),
    gauge('ring_change_running', '1 while this node carries out a change of the ring.', () =>
      node.isChangingRing ? 1 : 0,
    ),
    counter('ring_changes_done', 'Changes of the ring carried out here.', () => tally.changesDone),
    counter('ring_changes_aborted', 'Changes that an operator has aborted.', () => tally.changesAborted),
    counter('ring_changes_failed', 'Changes that were given up.', () => tally.changesFailed),

    counter('handoff_copies_sent', 'Rows sent ahead to another node.', () => tally.copiesSent),
    counter('handoff_deltas_sent', 'Rows whose later commits were sent after them.', () => tally.deltasSent),
    counter('handoff_sent_bytes', 'State sent ahead.', () => tally.bytesSent),
    counter('handoff_copies_received', 'Rows that another node has sent ahead.', () => tally.copiesReceived),
    counter('handoff_received_bytes', 'State that other nodes have sent ahead.', () => tally.bytesReceived),
    counter(
      'handoff_copies_refused',
      'Rows sent ahead for which there was no room.',
      () => tally.copiesRefused,
    ),
    counter('handoff_copies_spoilt', 'Rows whose later commits did not fit.', () => tally.copiesSpoilt),
    counter('handoff_copies_expired', 'Rows sent ahead that nobody asked for.', () => tally.copiesExpired),
    gauge('handoff_copies', 'Rows sent ahead that are not in use yet.', () => copies.count),
    gauge('handoff_copies_bytes', 'Memory taken by these.', () => copies.bytes),

    counter('handoff_waits', "Calls that waited for a former owner's last word.", () => tally.lastWordWaits),
    counter('handoff_wait_seconds', 'Time of these waits.', () => seconds(tally.lastWordWaitMs)),
    counter('handoff_waits_answered', 'Waits that the last word has ended.', () => tally.lastWordsHeard),
    counter('handoff_releases', 'Views that took users from this node.', () => tally.releases),
    counter('handoff_release_seconds', 'From adopting them to the last word about all these users.', () =>
      seconds(tally.releaseMs),
    ),
  ]);
}

function openLinks({ links }: MemberNode): number {
  return [...links.states()].filter(({ kind }) => kind === 'open').length;
}

function pending({ links }: MemberNode): number {
  return [...links.states()].reduce((sum, link) => sum + link.pending, 0);
}
