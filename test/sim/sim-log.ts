interface Clock {
  monotonicMs(): number;
}

/** What is wrong, and, where it is wanted, all that happened. */
export class SimLog {
  readonly violations: string[] = [];
  clock: Clock = { monotonicMs: () => 0 };
  readonly #write: ((line: string) => void) | undefined;

  /** @param write takes one line of the schedule; undefined: nobody wants it */
  constructor(write?: (line: string) => void) {
    this.#write = write;
  }

  trace(what: string): void {
    this.#write?.(`${this.clock.monotonicMs().toFixed(2).padStart(9)} ${what}`);
  }

  violation(what: string): void {
    this.violations.push(what);
    this.trace(`VIOLATION ${what}`);
  }
}
