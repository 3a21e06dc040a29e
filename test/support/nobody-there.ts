import type { PresencePort } from '../../src/presence/presence-port.ts';

/** Presence as tests of something else need it: nobody is there, and nobody hears who types. */
export const nobodyThere: PresencePort = {
  watch: (_watcher, userIds) =>
    Promise.resolve({
      presence: userIds.map((userId) => ({ userId, online: false, lastSeen: 0 })),
      end: () => undefined,
    }),
  reachable: (_userId, others) => Promise.resolve(others),
  type: () => undefined,
  onTyped: () => undefined,
};
