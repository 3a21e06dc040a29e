import type { LatencySummary } from './latency-histogram.ts';

export const scenarios = ['dm', 'group', 'history', 'conversations', 'connect'] as const;
export type Scenario = (typeof scenarios)[number];

/** What a run measured. Rates are per second of the measured time, latencies in ms. */
export interface BenchReport {
  readonly scenario: Scenario;
  readonly pairs: number;
  readonly inflight: number;
  readonly seconds: number;
  /** Successful replies: acknowledged messages, or pages, lists, opened sessions. */
  readonly ackedPerSecond: number;
  /** Pushes of a message from the other side. */
  readonly deliveredPerSecond: number;
  readonly ackMs: LatencySummary;
  readonly deliveryMs: LatencySummary;
  /** Counts by error kind, `timeout`, `closed_<code>`, …; warm-up included. */
  readonly errors: Readonly<Record<string, number>>;
  /** CPU time of the load generator by time: 1 is one core. */
  readonly clientCpuShare: number;
  /** CPU of all nodes by successful reply; null where `/metrics` cannot be read. */
  readonly nodeCpuMicrosPerMessage: number | null;
  readonly pagesPerSecond?: number;
  /** Of a group: its members, those that are connected, commits of rows by message, and time to its last delivery. */
  readonly members?: number;
  readonly online?: number;
  readonly storeWritesPerMessage?: number | null;
  readonly allDeliveredMs?: LatencySummary;
  readonly rate?: number;
}

const replyNames: Readonly<Record<Scenario, string>> = {
  dm: 'acknowledged',
  group: 'acknowledged',
  history: 'pages',
  conversations: 'lists',
  connect: 'sessions',
};

const latencyText = ({ p50, p99, max }: LatencySummary): string =>
  `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(1)} ms`;

/** The report for people, one fact a line. */
export function reportText(report: BenchReport): string {
  const errors = Object.entries(report.errors).map(([kind, count]) => `${kind} ${count}`);
  const lines = [
    `${report.scenario}: ${report.pairs} pairs, ${report.inflight} in flight a user, ${report.seconds} s` +
      (report.rate === undefined ? '' : `, offered ${report.rate}/s`),
    `${replyNames[report.scenario]}/s  ${Math.round(report.ackedPerSecond)}   (${latencyText(report.ackMs)})`,
  ];
  if (report.scenario === 'dm' || report.scenario === 'group') {
    lines.push(`delivered/s  ${Math.round(report.deliveredPerSecond)}   (${latencyText(report.deliveryMs)})`);
  }
  if (report.allDeliveredMs !== undefined) {
    const writes = report.storeWritesPerMessage ?? 'unknown';
    lines.push(
      `to the last member: ${latencyText(report.allDeliveredMs)}; store writes a message: ${writes}`,
    );
  }
  const nodeCpu = report.nodeCpuMicrosPerMessage;
  lines.push(
    `CPU: node ${nodeCpu === null ? 'unknown' : `${nodeCpu.toFixed(1)} µs each`}, ` +
      `load generator ${(report.clientCpuShare * 100).toFixed(0)}% of a core`,
    `errors: ${errors.length === 0 ? 'none' : errors.join(', ')}`,
  );
  return lines.join('\n');
}
