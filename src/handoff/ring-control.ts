/**
 * What operators ask of the ring, at any node. The node that is asked coordinates the change; every other one can
 * show and abort it. Times are epoch ms, bytes are the estimate that the cache counts with.
 */
export interface RingControl {
  show(deadline: number): Promise<RingReport>;
  /** What the change would do; changes nothing. */
  preview(request: RingRequest, deadline: number): Promise<RingPreview>;
  /** Begins the change and returns; it goes on without its caller. Rejects with what `preview` lists as refusals. */
  start(request: RingRequest, options: { readonly force: boolean }, deadline: number): Promise<RingProgress>;
  /** @param changeId undefined: the change that runs, else the last one; undefined where there is none */
  progress(changeId: string | undefined, deadline: number): Promise<RingProgress | undefined>;
  /** Rejects with `too_late` where users have begun to be served elsewhere. */
  abort(changeId: string, deadline: number): Promise<RingProgress>;
}

/**
 * - `join`: a node that was drained or removed serves users again; without a weight it gets the one it had.
 * - `drain`: its users move away; it stays in the ring without users, and relays for its devices until they left.
 * - `remove`: it is out of the ring, and does not come back by itself.
 * - `weight`: its share of the users changes.
 */
export type RingRequest =
  | { readonly kind: 'join'; readonly nodeId: string; readonly weight?: number }
  | { readonly kind: 'drain'; readonly nodeId: string }
  | { readonly kind: 'remove'; readonly nodeId: string }
  | { readonly kind: 'weight'; readonly nodeId: string; readonly weight: number };

/** Users in memory of one node that another one will serve. Others move as well, but cost nothing. */
export interface RingFlow {
  readonly from: string;
  readonly to: string;
  readonly activeUsers: number;
  readonly bytes: number;
}

export interface RingPreview {
  readonly request: RingRequest;
  /** Epoch of the view that this was reckoned with. */
  readonly epoch: number;
  /** Share of all users that change their node, 0 to 1. */
  readonly movedShare: number;
  readonly flows: readonly RingFlow[];
  /** Nodes that did not say what moves from them: what they serve moves without being sent ahead. */
  readonly silentNodes: readonly string[];
  readonly warnings: readonly string[];
  /** Why `start` refuses; empty: it doesn't. */
  readonly refusals: readonly RingRefusal[];
}

export interface RingRefusal {
  readonly code: RingControlCode;
  /** What is in the way, and what to do. */
  readonly message: string;
  /** What `force` risks; undefined: it can't be forced. */
  readonly risk: string | undefined;
}

/**
 * - `preparing`: state is sent ahead; everybody is served where they were. May be aborted.
 * - `switching`: the next view is being published, and adopted by all.
 * - `settling`: the last of the state is on its way; devices are sent after their users.
 * - `finished`: see `outcome`.
 */
export type RingPhase = 'preparing' | 'switching' | 'settling' | 'finished';

export interface RingProgress {
  readonly changeId: string;
  /** `arrival`: a node that has started comes in; `stop`: one that ends hands over what it serves. */
  readonly kind: RingRequest['kind'] | 'arrival' | 'stop';
  readonly nodeId: string;
  /** The node that carries it out. */
  readonly coordinator: string;
  readonly phase: RingPhase;
  /** Active users that move, and those whose state has been sent. */
  readonly totalUsers: number;
  readonly movedUsers: number;
  readonly totalBytes: number;
  readonly movedBytes: number;
  readonly nodes: readonly RingNodeProgress[];
  readonly startedAt: number;
  readonly finishedAt: number | undefined;
  readonly outcome: RingOutcome | undefined;
}

/**
 * - `waiting`: hasn't answered yet. `sending`: sends state ahead. `ready`: all that moves from it was sent.
 * - `switched`: has adopted the next view. `cold`: too old or out of reach: its users move without being sent ahead.
 */
export type RingNodeState = 'waiting' | 'sending' | 'ready' | 'switched' | 'cold';

export interface RingNodeProgress {
  readonly nodeId: string;
  readonly state: RingNodeState;
  readonly totalUsers: number;
  readonly movedUsers: number;
}

/**
 * `aborted`: by an operator. `failed`: nothing was changed, for the given reason. `done` may have a remark: what was
 * served without its state having been sent ahead.
 */
export type RingOutcome =
  | { readonly kind: 'done'; readonly remark: string | undefined }
  | { readonly kind: 'aborted'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface RingReport {
  /** The node that was asked. */
  readonly nodeId: string;
  readonly epoch: number;
  readonly members: readonly RingMemberReport[];
  /** Nodes that were taken out on purpose: they don't come back until `join`. */
  readonly removed: readonly string[];
  /** The change that is under way. */
  readonly pending: RingProgress | undefined;
  /** The one before; undefined where nobody remembers. */
  readonly last: RingProgress | undefined;
}

export interface RingMemberReport {
  readonly nodeId: string;
  readonly incarnation: string;
  /** Relative to others, 100 for an ordinary node; 0 serves no users. */
  readonly weight: number;
  /** Share of all users that it owns, 0 to 1. */
  readonly share: number;
  readonly clientUrl: string;
  readonly peerAddress: string;
  /** By the lease board, as the asked node sees it: undefined where it can't tell. */
  readonly isAlive: boolean | undefined;
  /** The view that it has adopted, as far as the asked node knows. */
  readonly adoptedEpoch: number;
}

/**
 * - `not_member`: the asked node is not in the ring itself. `unknown_node`: no such node in the ring (or, for `join`,
 *   among those that were removed). `invalid_weight`. `no_change`: it is so already.
 * - `last_node`: nobody would be left to serve. `change_running`: one at a time.
 * - `node_down`: a node that has to take over users shows no sign of life. `node_alive`: it serves users, so drain it
 *   before it is removed.
 * - `no_such_change`, `too_late`: of `abort` and `progress`.
 * - `unavailable`: the store is out of reach; try again.
 */
export type RingControlCode =
  | 'not_member'
  | 'unknown_node'
  | 'invalid_weight'
  | 'no_change'
  | 'last_node'
  | 'change_running'
  | 'node_down'
  | 'node_alive'
  | 'no_such_change'
  | 'too_late'
  | 'unavailable';

export class RingControlError extends Error {
  override readonly name = 'RingControlError';
  readonly code: RingControlCode;
  /** What `force` risks; undefined: it can't be forced. */
  readonly risk: string | undefined;

  constructor({ code, message, risk }: RingRefusal, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.risk = risk;
  }
}
