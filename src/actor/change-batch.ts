import type { Change } from '../protocol/message.ts';

/** Changes of one commit, in feed order, all durable. */
export interface ChangeBatch {
  /** The feed's head before and after this commit: who stands at `previous` has a gap-free continuation here. */
  readonly previous: string;
  readonly head: string;
  readonly changes: readonly Change[];
  /** What no change tells of is another one too, or may be: whom the user blocks, devices, tokens, the profile. */
  readonly hasUnlisted: boolean;
}

/** A listener on one user's feed; called synchronously after a commit, must not throw or wait. */
export type ChangeListener = (batch: ChangeBatch) => void;
