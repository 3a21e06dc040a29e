import type { SeededRandom } from '../../replay/seeded-random.ts';

/** A way to do harm to a stand. */
export interface FaultKind {
  readonly name: string;
  /** How often it comes, against others. */
  readonly weight: number;
  /** How long it lasts, in milliseconds. */
  readonly lastsMs: readonly [min: number, max: number];
  /** Chooses a victim; undefined where there is none now. */
  readonly draw: (random: SeededRandom) => Fault | undefined;
}

/** One fault, not done yet. */
export interface Fault {
  /** What exactly is done. */
  readonly what: string;
  /** What it takes hold of. No two faults at once have any of these in common. */
  readonly holds: readonly string[];
  /** Resolves with false where nothing could be done: then it does not count. */
  readonly begin: () => Promise<unknown>;
  /** Undoes it. Called once, after `begin`. */
  readonly end: () => Promise<void>;
}
