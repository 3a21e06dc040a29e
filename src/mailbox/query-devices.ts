import type { GetDevicesResult } from '../protocol/calls.ts';
import { done, type Step } from '../row/step.ts';
import type { SeenToken } from './devices.ts';
import type { MailboxState, Profile } from './mailbox-state.ts';
import { admits } from './token-admission.ts';

/** No profile: no such user. */
export interface Admitted {
  readonly profile?: Profile;
  readonly isGood: boolean;
}

export function queryAdmission({ profile, devices }: MailboxState, token: SeenToken): Step<Admitted> {
  if (profile === undefined) return done({ isGood: false });
  return done({ profile, isGood: admits(profile, devices.values(), token) });
}

/** The one that was seen last comes first. */
export function queryDevices({ devices }: MailboxState): Step<GetDevicesResult> {
  const latestFirst = [...devices.values()].sort((a, b) => b.lastSeenAt - a.lastSeenAt);
  return done({
    devices: latestFirst.map(({ deviceId, name, firstSeenAt, lastSeenAt }) => {
      return { deviceId, name, createdAt: firstSeenAt, lastSeen: lastSeenAt };
    }),
  });
}
