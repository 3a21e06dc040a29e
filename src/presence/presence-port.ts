import type { Presence, Typing } from '../protocol/calls.ts';

export type PresenceState = Omit<Presence, 'userId'>;

/** Users who are watched by one session. */
export interface PresenceWatch {
  /** In the order asked. */
  readonly presence: readonly Presence[];
  end(): void;
}

/** Who is there, and who writes: told at once or not at all, never stored. */
export interface PresencePort {
  /**
   * Watches these users for `watcher`; `push` hears of later changes until the watch ends and must
   * not throw. Rejects with ProtocolError.
   */
  watch(
    watcher: string,
    userIds: readonly string[],
    push: (presence: Presence) => void,
    deadline: number,
  ): Promise<PresenceWatch>;
  /** Of these users: whom `userId` has not blocked. Rejects with ProtocolError. */
  reachable(userId: string, others: readonly string[], deadline: number): Promise<readonly string[]>;
  /** Tells these users, as far as they are in the conversation and take it. What cannot be told at once is lost. */
  type(typing: Typing, userIds: readonly string[]): void;
  /** Calls `listener`, which must not throw, with what devices of a user on this node are to be told. */
  onTyped(listener: (userId: string, typing: Typing) => void): void;
}
