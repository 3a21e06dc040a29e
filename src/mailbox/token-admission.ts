import type { Device, SeenToken } from './devices.ts';
import type { Profile } from './mailbox-state.ts';

/**
 * Is the token still good? Not where it was issued before all were revoked. Since a device was logged out, one from
 * before that is good only where a device that is still logged in has shown it: what the other one had, and what
 * nobody here knows, is refused, under whichever device id it comes.
 */
export function admits(
  { tokensValidFrom, knownTokensBefore = 0 }: Profile,
  devices: Iterable<Device>,
  { tokenId, issuedAt }: SeenToken,
): boolean {
  if (issuedAt < tokensValidFrom) return false;
  if (issuedAt >= knownTokensBefore) return true;
  for (const { tokens } of devices) if (tokens.some((token) => token.tokenId === tokenId)) return true;
  return false;
}
