import type { Presence } from '../protocol/calls.ts';
import type { PresenceState } from './presence-port.ts';
import type { Sighting } from './presence-wire.ts';

/** What is known of a watched user, and from whom. */
interface Known {
  readonly state: PresenceState;
  readonly incarnation: string;
  readonly stamp: number;
}

const unknown: PresenceState = { online: false, lastSeen: 0 };

/** The users that one session watches: what their owners say of them, and what the session was told. */
export class PeopleWatch {
  readonly watchId: number;
  readonly watcher: string;
  readonly userIds: readonly string[];
  /** Users of whom something may be shown. */
  #visible: ReadonlySet<string> = new Set();
  /** Nodes that were asked at last. */
  nodeIds: ReadonlySet<string> = new Set();
  isEnded = false;
  readonly #push: (presence: Presence) => void;
  readonly #known = new Map<string, Known>();
  /** What the session has; empty before it has its answer. */
  readonly #told = new Map<string, PresenceState>();
  /** Users who are gone by the word of a new owner that did not know them before: it may have come too soon. */
  readonly #doubted = new Map<string, string>();

  constructor(
    watchId: number,
    watcher: string,
    userIds: readonly string[],
    push: (presence: Presence) => void,
  ) {
    this.watchId = watchId;
    this.watcher = watcher;
    this.userIds = userIds;
    this.#push = push;
  }

  /** The answer to the session; from now on it is pushed what changes. */
  begin(): readonly Presence[] {
    return this.userIds.map((userId) => {
      const state = this.#known.get(userId)?.state ?? unknown;
      this.#told.set(userId, state);
      return { userId, ...state };
    });
  }

  /**
   * An owner says how it is. @returns true where that is not believed yet: devices come to a new owner a moment later
   * than their user. It is believed when the same owner is asked again.
   */
  learn({ userId, online, lastSeen, stamp }: Sighting, incarnation: string): boolean {
    // An owner that was told to stop may have told this before.
    if (!this.#visible.has(userId)) return false;
    const known = this.#known.get(userId);
    if (known?.incarnation === incarnation && known.stamp > stamp) return false;
    const isElsewhere = known !== undefined && known.incarnation !== incarnation;
    if (isElsewhere && known.state.online && !online && this.#doubted.get(userId) !== incarnation) {
      this.#doubted.set(userId, incarnation);
      return true;
    }
    this.#doubted.delete(userId);
    this.#known.set(userId, { state: { online, lastSeen }, incarnation, stamp });
    this.#tell(userId, { online, lastSeen });
    return false;
  }

  /** From now on something may be shown of these users, and of nobody else. */
  limitTo(userIds: ReadonlySet<string>): void {
    this.#visible = userIds;
    for (const userId of this.userIds) {
      if (userIds.has(userId)) continue;
      this.#known.delete(userId);
      this.#tell(userId, unknown);
    }
  }

  #tell(userId: string, state: PresenceState): void {
    const told = this.#told.get(userId);
    if (told === undefined || this.isEnded) return;
    if (told.online === state.online && (state.online || told.lastSeen === state.lastSeen)) return;
    this.#told.set(userId, state);
    this.#push({ userId, ...state });
  }
}
