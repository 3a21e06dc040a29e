import type { DeviceParams, RenameDeviceParams } from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { done, type Step } from '../row/step.ts';
import { deviceTokensMax, devicesMax, seenEveryMs, type Device, type SeenToken } from './devices.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { admits } from './token-admission.ts';

/** A device has come with this token. */
export interface NoteDeviceParams extends SeenToken {
  readonly deviceId: string;
}

const gone = refusal('unauthenticated', 'this user does not exist any more');

/** Makes room for one more. */
function forgetOldest(draft: MailboxDraft): void {
  const devices = draft.devices();
  if (devices.length < devicesMax) return;
  const oldest = devices.reduce((a, b) => (b.lastSeenAt < a.lastSeenAt ? b : a));
  draft.setDevice(oldest.deviceId, undefined);
}

/** Writes nothing where all of it is known. What was logged out meanwhile does not come back. */
export function stepNoteDevice(draft: MailboxDraft, params: NoteDeviceParams): Step<object> {
  const { deviceId, tokenId, issuedAt } = params;
  const profile = draft.profile ?? draft.state.profile;
  if (profile === undefined || !admits(profile, draft.devices(), params)) return done({});
  const known = draft.device(deviceId);
  const isCurrent = known?.tokens[0]?.tokenId === tokenId;
  if (known !== undefined && isCurrent && draft.nowMs - known.lastSeenAt < seenEveryMs) return done({});
  if (known === undefined) forgetOldest(draft);
  const earlier = known?.tokens.filter((token) => token.tokenId !== tokenId) ?? [];
  const tokens = [{ tokenId, issuedAt }, ...earlier].slice(0, deviceTokensMax);
  const { name = deviceId, firstSeenAt = draft.nowMs } = known ?? {};
  draft.setDevice(deviceId, { deviceId, name, firstSeenAt, lastSeenAt: draft.nowMs, tokens });
  return done({});
}

export function stepRenameDevice(
  draft: MailboxDraft,
  { deviceId, name }: RenameDeviceParams,
): Step<object | Refusal> {
  const known = draft.device(deviceId);
  if (known === undefined) return done(refusal('not_found', 'no such device'));
  if (known.name !== name) draft.setDevice(deviceId, { ...known, name });
  return done({});
}

/**
 * Also for a device that is not listed: one that could not be written down yet had a token all the same, and it is
 * refused like all that no listed device has shown.
 */
export function stepLogOutDevice(draft: MailboxDraft, { deviceId }: DeviceParams): Step<object | Refusal> {
  const profile = draft.profile ?? draft.state.profile;
  if (profile === undefined) return done(gone);
  const theirs = draft.device(deviceId)?.tokens ?? [];
  // An issuer's clock may be ahead of ours.
  const latest = theirs.reduce((most, { issuedAt }) => Math.max(most, issuedAt + 1), draft.nowMs);
  draft.profile = { ...profile, knownTokensBefore: Math.max(latest, profile.knownTokensBefore ?? 0) };
  if (theirs.length > 0) draft.setDevice(deviceId, undefined);
  const refused = new Set(theirs.map(({ tokenId }) => tokenId));
  keepTokens(draft, ({ tokenId }) => !refused.has(tokenId));
  return done({});
}

/** Drops tokens that are not good any more, and devices that have no other. */
export function keepTokens(draft: MailboxDraft, isGood: (token: SeenToken) => boolean): void {
  for (const device of draft.devices()) {
    const tokens = device.tokens.filter(isGood);
    if (tokens.length === device.tokens.length) continue;
    const left: Device | undefined = tokens.length === 0 ? undefined : { ...device, tokens };
    draft.setDevice(device.deviceId, left);
  }
}
