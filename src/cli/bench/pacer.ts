import type { LoadUser } from './load-user.ts';

const tickMs = 1;

/**
 * Offers `rate` requests a second to the users in turn, each with the moment it was due: if this process or the
 * server falls behind, the delay is part of the measured latency. Ends when the returned function is called.
 */
export function startPacer(users: readonly LoadUser[], rate: number): () => void {
  const startedAtMs = performance.now();
  let offered = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) * rate) / 1000);
    while (offered < due) {
      const user = users[offered % users.length];
      offered++;
      user?.offer(startedAtMs + (offered * 1000) / rate);
    }
  }, tickMs);
  return () => clearInterval(timer);
}
