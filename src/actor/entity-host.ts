import type { RowStore } from '../row/row-store.ts';
import type { Time } from '../std/time.ts';
import type { ActorLimits } from './actor.ts';
import type { ActorTally } from './actor-tally.ts';
import type { HandoffPort } from './handoff-port.ts';
import type { LoadGate } from './load-gate.ts';
import type { Tenure } from './tenure.ts';

/** What an entity of any kind needs from the node around it. */
export interface EntityHost {
  readonly store: RowStore;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly tenure: Tenure;
  readonly tally: ActorTally;
  readonly handoff: HandoffPort;
  readonly loads: LoadGate;
  readonly actorLimits: ActorLimits;
  /** The entity was used or takes another amount of memory now. */
  accounted(entityId: string, bytes: number): void;
  alarm(error: unknown, what: string): void;
}
