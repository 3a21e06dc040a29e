import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LatencyTally } from './latency-histogram.ts';

/** What is counted about one method. */
export class CallTally {
  /** Calls answered with a result. */
  answered = 0;
  /** Calls answered with an error, by its kind. */
  readonly errors = new Map<string, number>();
  readonly #latency: LatencyTally;

  constructor(latency: LatencyTally) {
    this.#latency = latency;
  }

  succeeded(durationMs: number): void {
    this.answered += 1;
    this.#latency.observeMs(durationMs);
  }

  failed(errorKind: string): void {
    this.errors.set(errorKind, (this.errors.get(errorKind) ?? 0) + 1);
  }
}

/** Plain numbers that the hot path counts in; read when Prometheus asks. */
export interface TrafficTally {
  framesReceived: number;
  bytesReceived: number;
  bytesSent: number;
  /** Changes written to sessions as they were committed, and those read from the feed to catch up. */
  changesPushed: number;
  changesCaughtUp: number;
}

/** Where things stand now; asked when Prometheus asks. */
export interface Levels {
  readonly connections: number;
  readonly sessions: number;
  readonly callsInFlight: number;
}

/**
 * Of prom-client's own: each of them lists all sockets and timers of the process whenever somebody looks, which holds up
 * everybody, longer with each connection.
 */
const costlyMetrics = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
]);

/** Every metric of the client side of a node, in a registry that other rooms add theirs to. */
export class NodeMetrics {
  readonly registry = new Registry();
  readonly traffic: TrafficTally = {
    framesReceived: 0,
    bytesReceived: 0,
    bytesSent: 0,
    changesPushed: 0,
    changesCaughtUp: 0,
  };
  readonly #calls = new Map<string, CallTally>();
  readonly #latency: LatencyHistogram;
  readonly #closed: Counter<'code'>;
  readonly #refused: Counter<'reason'>;
  readonly #http: Counter<'route' | 'status'>;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    for (const name of costlyMetrics) this.registry.removeSingleMetric(name);
    this.#latency = new LatencyHistogram(
      this.registry,
      'mailring_call_duration_seconds',
      'Time from reading a call to queueing its result; errors are not in it.',
      'method',
    );
    this.#collectCalls();
    this.#collectTraffic();
    this.#closed = new Counter({
      name: 'mailring_connections_closed_total',
      help: 'WebSocket connections that ended, by close code (1006: without one).',
      labelNames: ['code'],
      registers,
    });
    this.#refused = new Counter({
      name: 'mailring_connections_refused_total',
      help: 'WebSocket connections refused before they were open.',
      labelNames: ['reason'],
      registers,
    });
    this.#http = new Counter({
      name: 'mailring_http_requests_total',
      help: 'HTTP requests answered.',
      labelNames: ['route', 'status'],
      registers,
    });
  }

  /** The tally of a method; ask once and keep it. */
  call(method: string): CallTally {
    const known = this.#calls.get(method);
    if (known !== undefined) return known;
    const tally = new CallTally(this.#latency.tally(method));
    this.#calls.set(method, tally);
    return tally;
  }

  connectionClosed(code: number): void {
    // A peer can send any code: only ours and the usual ones become labels.
    const known = (code >= 1000 && code <= 1015) || (code >= 4000 && code <= 4999);
    this.#closed.inc({ code: known ? String(code) : 'other' });
  }

  connectionRefused(reason: string): void {
    this.#refused.inc({ reason });
  }

  httpAnswered(route: string, status: number): void {
    this.#http.inc({ route, status: String(status) });
  }

  /** Registers gauges that ask the gateway when they are read. */
  observeLevels(levels: () => Levels): void {
    const gauge = (name: string, help: string, read: (levels: Levels) => number): void => {
      // prom-client calls `collect` with the gauge as `this`.
      const metric: Gauge = new Gauge({
        name,
        help,
        registers: [this.registry],
        collect: () => {
          metric.set(read(levels()));
        },
      });
    };
    gauge('mailring_connections', 'Open WebSocket connections.', (now) => now.connections);
    gauge('mailring_sessions', 'Open sessions of devices.', (now) => now.sessions);
    gauge('mailring_calls_in_flight', 'Calls that wait for their answer.', (now) => now.callsInFlight);
  }

  #collectCalls(): void {
    const counter: Counter<'method' | 'outcome'> = new Counter({
      name: 'mailring_calls_total',
      help: 'Calls answered, by method and outcome: ok, or the kind of the error.',
      labelNames: ['method', 'outcome'],
      registers: [this.registry],
      collect: () => {
        counter.reset();
        for (const [method, tally] of this.#calls) {
          counter.inc({ method, outcome: 'ok' }, tally.answered);
          for (const [outcome, count] of tally.errors) counter.inc({ method, outcome }, count);
        }
      },
    });
  }

  #collectTraffic(): void {
    const { traffic, registry } = this;
    const count = (name: string, help: string, read: () => number): void => {
      const counter: Counter = new Counter({
        name,
        help,
        registers: [registry],
        collect: () => {
          counter.reset();
          counter.inc(read());
        },
      });
    };
    count('mailring_frames_received_total', 'Frames received.', () => traffic.framesReceived);
    count('mailring_received_bytes_total', 'Bytes of frames received.', () => traffic.bytesReceived);
    count('mailring_sent_bytes_total', 'Bytes written to sockets.', () => traffic.bytesSent);
    count('mailring_changes_pushed_total', 'Changes written as committed.', () => traffic.changesPushed);
    count('mailring_changes_caught_up_total', 'Changes read to catch up.', () => traffic.changesCaughtUp);
  }
}
