/** Kills a node at given points of a run, one after the other. */
export class NodeKiller {
  /** How often the node was killed so far. */
  kills = 0;
  readonly #thresholds: number[];
  readonly #restart: () => Promise<void>;
  #restarting: Promise<void> | undefined;
  #failure: Error | undefined;

  /** `kills` times, at even distances on the way to `messages` acknowledgements. `restart` kills and starts again. */
  constructor(kills: number, messages: number, restart: () => Promise<void>) {
    this.#thresholds = Array.from({ length: kills }, (_, place) =>
      Math.floor((messages * (place + 1)) / (kills + 1)),
    );
    this.#restart = restart;
  }

  /** To be told of every acknowledgement. */
  acknowledged(count: number): void {
    const [next] = this.#thresholds;
    if (this.#restarting !== undefined || next === undefined || count < next) return;
    this.#thresholds.shift();
    this.kills++;
    this.#restarting = this.#restart()
      .catch((error: unknown) => {
        this.#failure = new Error('the node did not come back after a kill', { cause: error });
      })
      .finally(() => {
        this.#restarting = undefined;
      });
  }

  /** Resolves when no restart is under way; rejects where one failed. */
  async settle(): Promise<void> {
    await this.#restarting;
    if (this.#failure !== undefined) throw this.#failure;
  }
}
