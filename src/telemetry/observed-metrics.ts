import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** A number that is kept elsewhere and read when Prometheus asks. */
export interface Observed {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly read: () => number;
}

/** Registers numbers without making whoever counts them know of Prometheus. */
export function observeMetrics(registry: Registry, metrics: readonly Observed[]): void {
  const registers = [registry];
  for (const { name, help, kind, read } of metrics) {
    if (kind === 'gauge') {
      const gauge: Gauge = new Gauge({
        name,
        help,
        registers,
        collect: () => {
          gauge.set(read());
        },
      });
    } else {
      const counter: Counter = new Counter({
        name,
        help,
        registers,
        collect: () => {
          counter.reset();
          counter.inc(read());
        },
      });
    }
  }
}
