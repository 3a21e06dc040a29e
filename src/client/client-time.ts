import type { Time } from '../std/time.ts';

/** Clocks and timers of browsers and Node alike; here a waiting timer keeps the process alive. */
export const clientTime: Time = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon(run) {
    setTimeout(run, 0);
  },
};
