import type { FaultKind } from '../faults/fault.ts';
import type { TortureCluster } from './torture-cluster.ts';

/** A cluster with everything it needs, and all that can be done to it. */
export interface Stand {
  readonly cluster: TortureCluster;
  readonly kinds: readonly FaultKind[];
  /** Starts again what ended by itself because of faults. Called when all of them are over. */
  readonly heal: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface StandOptions {
  readonly nodes: number;
  /** For data and logs; exists. */
  readonly folder: string;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

/** Leases short enough that nodes come and go while a run of minutes lasts. */
export const ringSettings = ['--ring-lease-ms', '2000', '--ring-removal-window-ms', '5000'] as const;

/** When all faults are over, nodes that were taken out of the ring or weighed can be put right within this time. */
export const ringHealTimeoutMs = 60_000;
