/** One query of a panel, and what its lines are called. */
export interface Series {
  readonly expr: string;
  readonly legend: string;
}

export interface Panel {
  readonly kind: 'timeseries' | 'stat';
  readonly title: string;
  readonly description: string;
  /** As Grafana names units. */
  readonly unit: string;
  readonly series: readonly Series[];
  readonly max?: number;
}

export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const chosen = 'node=~"$node"';
const lines = (expr: string, legend = '{{node}}'): Series => ({ expr, legend });
/** A counter of each node, a second. */
const ratePerNode = (counter: string, labels = ''): Series =>
  lines(`sum by (node) (rate(${counter}{${chosen}${labels}}[$__rate_interval]))`);
const rateOfAll = (counter: string, legend: string, labels = ''): Series =>
  lines(`sum(rate(${counter}{${chosen}${labels}}[$__rate_interval]))`, legend);
const level = (gauge: string, legend = '{{node}}'): Series => lines(`${gauge}{${chosen}}`, legend);
const quantiles = (histogram: string, labels: string): Series[] =>
  [0.5, 0.99].map((share) =>
    lines(
      `histogram_quantile(${share}, sum by (le) (rate(${histogram}_bucket{${chosen}${labels}}[$__rate_interval])))`,
      `p${share * 100}`,
    ),
  );

const graph = (title: string, description: string, unit: string, ...series: readonly Series[]): Panel => ({
  ...{ kind: 'timeseries', title, description, unit, series },
});
const share = (title: string, description: string, ...series: readonly Series[]): Panel => ({
  ...graph(title, description, 'percentunit', ...series),
  max: 1,
});
const stat = (title: string, description: string, unit: string, expr: string): Panel => ({
  ...{ kind: 'stat', title, description, unit, series: [lines(expr, title)] },
});

const overview: DashboardRow = {
  title: 'Overview',
  panels: [
    stat('Nodes in the ring', 'Members of the newest view.', 'none', 'max(mailring_ring_members)'),
    stat('Epoch', 'Of the newest view in force.', 'none', 'max(mailring_ring_epoch)'),
    stat('Sessions', 'Open sessions of devices.', 'short', 'sum(mailring_sessions)'),
    stat(
      'Messages a second',
      'Sends that were acknowledged.',
      'mps',
      'sum(rate(mailring_calls_total{method="sendMessage",outcome="ok"}[1m]))',
    ),
    stat(
      'Send p99',
      'From reading the call to queueing its answer.',
      's',
      'mailring:send_duration_seconds:p99_rate1m',
    ),
    stat(
      'Calls that fail',
      'unavailable, overloaded or internal.',
      'percentunit',
      'mailring:calls_failed:ratio_rate1m',
    ),
  ],
};

const ring: DashboardRow = {
  title: 'Ring',
  panels: [
    graph(
      'View in force',
      'One line while all nodes agree; a node that is behind has its own.',
      'none',
      level('mailring_ring_epoch'),
    ),
    graph(
      'Members',
      'As each node sees it, and whether it is one itself.',
      'none',
      level('mailring_ring_members', '{{node}} sees'),
      level('mailring_ring_is_member', '{{node}} is in'),
    ),
    graph(
      'Weights and changes',
      'Weight of each node, 0 where it serves nobody; and who carries out a change.',
      'none',
      level('mailring_ring_weight'),
      lines('mailring_ring_change_running > 0', '{{node}} carries out a change'),
    ),
    graph(
      'Removals and troubles a minute',
      'Nodes removed without a sign of life, nodes removed while they lived, failed rounds by what they were for.',
      'none',
      lines(`sum(increase(mailring_ring_removals_total{${chosen}}[1m]))`, 'removed'),
      lines(`sum(increase(mailring_ring_exclusions_total{${chosen}}[1m]))`, 'removed while alive'),
      lines(`sum by (what) (increase(mailring_ring_troubles_total{${chosen}}[1m]))`, 'trouble: {{what}}'),
      lines(`sum(increase(mailring_lease_board_troubles_total{${chosen}}[1m]))`, 'lease board'),
    ),
  ],
};

const load: DashboardRow = {
  title: 'Load',
  panels: [
    graph('Calls a second', 'Answered calls of each node.', 'reqps', ratePerNode('mailring_calls_total')),
    graph(
      'Failed calls a second',
      'By kind of the error; `moved` sends a device to the owner of its user and is no failure.',
      'reqps',
      lines(
        `sum by (outcome) (rate(mailring_calls_total{${chosen},outcome!="ok"}[$__rate_interval]))`,
        '{{outcome}}',
      ),
    ),
    graph(
      'Traffic',
      'Bytes of frames from and to clients.',
      'Bps',
      rateOfAll('mailring_received_bytes_total', 'from clients'),
      rateOfAll('mailring_sent_bytes_total', 'to clients'),
    ),
    graph(
      'CPU',
      'Processor time a second; 1 is what one node can use for its messages.',
      'percentunit',
      ratePerNode('process_cpu_seconds_total'),
    ),
    graph(
      'Inputs a commit',
      'How much waits while a commit is in flight.',
      'none',
      lines(
        `sum by (node) (rate(mailring_committed_inputs_total{${chosen}}[$__rate_interval])) / sum by (node) (rate(mailring_commits_total{${chosen}}[$__rate_interval]))`,
      ),
    ),
  ],
};

const latency: DashboardRow = {
  title: 'Latency',
  panels: [
    graph(
      'Send',
      'From reading the call to queueing its answer, which is after the durable write.',
      's',
      ...quantiles('mailring_call_duration_seconds', ',method="sendMessage"'),
    ),
    graph(
      'Reads',
      'History, lists and changes.',
      's',
      ...quantiles('mailring_call_duration_seconds', ',method=~"getMessages|getConversations|getChanges"'),
    ),
    graph(
      'Send p99 of each node',
      'A node that is slower than the others has too much to do.',
      's',
      lines(
        `histogram_quantile(0.99, sum by (le, node) (rate(mailring_call_duration_seconds_bucket{${chosen},method="sendMessage"}[$__rate_interval])))`,
      ),
    ),
    graph(
      'Event loop lag p99',
      'How late a node gets to what it has to do.',
      's',
      level('nodejs_eventloop_lag_p99_seconds'),
    ),
  ],
};

const cache: DashboardRow = {
  title: 'Cache',
  panels: [
    share(
      'Reads answered from memory',
      'After a cold take-over it dips; after a hand-off it does not.',
      lines(
        `sum by (node) (rate(mailring_cache_hits_total{${chosen}}[$__rate_interval])) / (sum by (node) (rate(mailring_cache_hits_total{${chosen}}[$__rate_interval])) + sum by (node) (rate(mailring_cache_misses_total{${chosen}}[$__rate_interval])))`,
      ),
    ),
    graph('Bytes', 'Estimated memory of mailboxes.', 'bytes', level('mailring_cache_bytes')),
    graph('Mailboxes', 'In memory.', 'short', level('mailring_cache_mailboxes')),
    graph(
      'Loads and evictions a second',
      'Mailboxes read into memory, mailboxes evicted, and steps of eviction within one.',
      'ops',
      rateOfAll('mailring_mailbox_activations_total', 'loaded'),
      rateOfAll('mailring_cache_evicted_mailboxes_total', 'evicted'),
      rateOfAll('mailring_cache_evicted_tiers_total', 'trimmed'),
    ),
  ],
};

const handoff: DashboardRow = {
  title: 'Hand-off',
  panels: [
    graph(
      'Moves of mailboxes a second',
      'Came into memory as they were sent ahead, or were loaded from the store.',
      'ops',
      rateOfAll('mailring_mailbox_revivals_total', 'sent ahead'),
      rateOfAll('mailring_mailbox_activations_total', 'loaded'),
    ),
    graph(
      'Sent ahead',
      'Bytes a second from each node; its limit is `ring.handoffBytesPerSecond`.',
      'Bps',
      ratePerNode('mailring_handoff_sent_bytes_total'),
    ),
    graph(
      'Waiting for its users',
      'Bytes that others have sent ahead.',
      'bytes',
      level('mailring_handoff_copies_bytes'),
    ),
    graph(
      'Rows sent ahead in vain, a minute',
      'Found no room, later commits did not fit on them, or nobody asked for them: they are loaded from the store.',
      'none',
      lines(`sum(increase(mailring_handoff_copies_refused_total{${chosen}}[1m]))`, 'no room'),
      lines(`sum(increase(mailring_handoff_copies_spoilt_total{${chosen}}[1m]))`, 'spoilt'),
      lines(`sum(increase(mailring_handoff_copies_expired_total{${chosen}}[1m]))`, 'not asked for'),
    ),
    graph(
      'Wait for the last word',
      'What a moved user waits at most, on average; and how long it takes until all of a view is said.',
      's',
      lines(
        `sum(rate(mailring_handoff_wait_seconds_total{${chosen}}[1m])) / sum(rate(mailring_handoff_waits_answered_total{${chosen}}[1m]))`,
        'a mailbox',
      ),
      lines(
        `sum(rate(mailring_handoff_release_seconds_total{${chosen}}[1m])) / sum(rate(mailring_handoff_releases_total{${chosen}}[1m]))`,
        'a view',
      ),
    ),
    graph(
      'Changes a minute',
      'Of the ring, by how they ended.',
      'none',
      lines(`sum(increase(mailring_ring_changes_done_total{${chosen}}[1m]))`, 'done'),
      lines(`sum(increase(mailring_ring_changes_aborted_total{${chosen}}[1m]))`, 'aborted'),
      lines(`sum(increase(mailring_ring_changes_failed_total{${chosen}}[1m]))`, 'failed'),
    ),
  ],
};

const store: DashboardRow = {
  title: 'Store',
  panels: [
    graph(
      'Commit',
      'One durable write of a row, retries included.',
      's',
      ...quantiles('mailring_store_duration_seconds', ',operation="commit"'),
    ),
    graph(
      'Operations a second',
      '`read` loads a mailbox or a part of it, `versions` checks that memory is fresh.',
      'ops',
      lines(
        `sum by (operation) (rate(mailring_store_duration_seconds_count{${chosen}}[$__rate_interval]))`,
        '{{operation}}',
      ),
    ),
    graph(
      'Failures a second',
      'Given up at their deadline, by what is known of them.',
      'ops',
      lines(
        `sum by (operation, code) (rate(mailring_store_failures_total{${chosen}}[$__rate_interval]))`,
        '{{operation}} {{code}}',
      ),
      rateOfAll('mailring_commit_failures_total', 'batches of a mailbox'),
    ),
    graph(
      'Conflicts and freshness checks a second',
      'Conflicts: another node wrote the row. Checks: reads that compared the version first.',
      'ops',
      rateOfAll('mailring_commit_conflicts_total', 'conflicts'),
      rateOfAll('mailring_mailbox_freshness_checks_total', 'checks'),
    ),
  ],
};

const peers: DashboardRow = {
  title: 'Peers',
  panels: [
    graph('Links that are up', 'To all other nodes of the view.', 'none', level('mailring_peer_links_open')),
    graph(
      'Requests and notes a second',
      'Envelopes, calls for users of other nodes, and pushes to their devices.',
      'reqps',
      rateOfAll('mailring_peer_requests_sent_total', 'requests'),
      rateOfAll('mailring_peer_notes_sent_total', 'notes'),
    ),
    graph('Requests that wait', 'For a reply.', 'short', level('mailring_peer_requests_pending')),
    graph(
      'Traffic between nodes',
      'Bytes to other nodes.',
      'Bps',
      ratePerNode('mailring_peer_sent_bytes_total'),
    ),
    graph(
      'Breaks a second',
      'Connections that came up, that failed, and channels that were given up.',
      'ops',
      rateOfAll('mailring_peer_connects_total', 'connected'),
      rateOfAll('mailring_peer_failed_connects_total', 'failed'),
      rateOfAll('mailring_peer_resets_total', 'given up'),
      rateOfAll('mailring_peer_overloaded_total', 'queue full'),
    ),
  ],
};

const sessions: DashboardRow = {
  title: 'Sessions',
  panels: [
    graph('Connections', 'WebSockets.', 'short', level('mailring_connections')),
    graph(
      'Closed a second',
      'By close code: 4001 moved, 4002 slow consumer, 4003 heartbeat missed, 1006 broken.',
      'ops',
      lines(
        `sum by (code) (rate(mailring_connections_closed_total{${chosen}}[$__rate_interval]))`,
        '{{code}}',
      ),
    ),
    graph(
      'Refused a second',
      'Before they were open.',
      'ops',
      lines(
        `sum by (reason) (rate(mailring_connections_refused_total{${chosen}}[$__rate_interval]))`,
        '{{reason}}',
      ),
    ),
    graph(
      'Changes a second',
      'Pushed as they were committed, and read later to catch up.',
      'ops',
      rateOfAll('mailring_changes_pushed_total', 'pushed'),
      rateOfAll('mailring_changes_caught_up_total', 'caught up'),
    ),
    graph(
      'Who is there',
      'Sessions that watch, and users who are watched, once for each who watches.',
      'short',
      lines(`sum(mailring_presence_watches{${chosen}})`, 'sessions'),
      lines(`sum(mailring_presence_watched{${chosen}})`, 'watched'),
    ),
    graph(
      'Presence and typing a second',
      'Who came, went or writes, told to sessions.',
      'ops',
      rateOfAll('mailring_presence_changes_told_total', 'presence'),
      rateOfAll('mailring_typing_told_total', 'typing'),
    ),
  ],
};

const push: DashboardRow = {
  title: 'Notices to sleeping devices',
  panels: [
    graph('Waiting', 'Users whose notice waits to be delivered.', 'short', level('mailring_push_waiting')),
    graph(
      'Notices a second',
      'Taken by the receiver; refused, given up or too many; requests that failed and are made again.',
      'ops',
      rateOfAll('mailring_push_delivered_total', 'delivered'),
      rateOfAll('mailring_push_dropped_total', 'dropped'),
      rateOfAll('mailring_push_failed_requests_total', 'failed requests'),
    ),
  ],
};

/** From top to bottom. */
export const dashboardRows: readonly DashboardRow[] = [
  ...[overview, ring, load, latency, cache, handoff, store, peers, sessions, push],
];
