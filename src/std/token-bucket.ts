/** A token but for what sums of fractions lose: else who waited as long as was said could be told to wait again. */
const wholeToken = 1 - 1e-9;

/** Grants tokens at a steady rate, with a burst. Time is given by the caller, in monotonic milliseconds. */
export class TokenBucket {
  readonly #tokensPerMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(tokensPerSecond: number, burst: number, nowMs: number) {
    this.#tokensPerMs = tokensPerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes one token and returns 0; without one it takes nothing and returns the ms until there is one. */
  take(nowMs: number): number {
    const waitMs = this.waitMs(nowMs);
    if (waitMs === 0) this.#tokens -= 1;
    return waitMs;
  }

  /** Takes more than there may be: what is missing has to come in before the next one is granted. */
  charge(tokens: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= tokens;
  }

  /** 0 where there is a token, else the ms until there is one. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= wholeToken ? 0 : Math.max(1, Math.ceil((1 - this.#tokens) / this.#tokensPerMs));
  }

  /** 0, or the ms until what was charged beyond what there was has come in. */
  debtMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#tokensPerMs);
  }

  /** A full bucket is like a new one: it may be forgotten. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#burst;
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledAtMs) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#tokensPerMs);
    this.#filledAtMs = nowMs;
  }
}
