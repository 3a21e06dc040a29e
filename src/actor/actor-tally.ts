/** Plain numbers that actors count in; read when Prometheus asks. */
export interface ActorTally {
  /** Queries answered from memory alone, and those that had to read the store. */
  queryHits: number;
  queryMisses: number;
  /** Entities read into memory. */
  activations: number;
  /** Entities that came into memory as another node had sent them. */
  revivals: number;
  /** Version checks against the store before an answer (G7). */
  freshnessChecks: number;
  commits: number;
  /** Inputs that were committed; inputs / commits is how much a commit carries. */
  committedInputs: number;
  /** Commits that another writer came before (G6). */
  conflicts: number;
  /** Batches that failed because the store was out of reach. */
  failedCommits: number;
}

export function newActorTally(): ActorTally {
  return {
    queryHits: 0,
    queryMisses: 0,
    activations: 0,
    revivals: 0,
    freshnessChecks: 0,
    commits: 0,
    committedInputs: 0,
    conflicts: 0,
    failedCommits: 0,
  };
}
