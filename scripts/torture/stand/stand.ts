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
  /** Groups with more members are large ones. */
  readonly smallMembersMax: number;
  readonly onProgress: (line: string) => void;
}

/** Flags of all nodes; leases so short that nodes come and go while a run of minutes lasts. */
export function nodeSettings({ smallMembersMax }: StandOptions): readonly string[] {
  const ring = ['--ring-lease-ms', '2000', '--ring-removal-window-ms', '5000'];
  return [...ring, '--groups-fan-out-members-max', String(smallMembersMax)];
}

/** When all faults are over, nodes that were taken out of the ring or weighed can be put right within this time. */
export const ringHealTimeoutMs = 60_000;
