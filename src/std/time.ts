/** Cancels a pending timer; calling it twice does nothing. */
export type Cancel = () => void;

/**
 * The only door to clocks and timers, so that the simulator can own time.
 * Deadlines everywhere are absolute `monotonicMs()` values.
 */
export interface Time {
  /** Wall clock, epoch milliseconds (integer). May jump; never used to decide who is right. */
  wallMs(): number;
  /** Milliseconds (fractional) that only move forward. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, run: () => void): Cancel;
  /** Calls `run` once at the end of this tick, after the input that is already here was read. */
  soon(run: () => void): void;
}

/** The real clocks of this machine. */
export const systemTime: Time = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.max(0, delayMs)); // a time that has passed is not worth a warning
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
  soon(run) {
    setImmediate(run);
  },
};
