import type { TextStorage } from './outbox.ts';

/** Who is signed in in this tab. */
export interface Account {
  readonly userId: string;
  readonly token: string;
  /** This tab as a device. */
  readonly deviceId: string;
}

const storageKey = 'mailring.account';

/** The account kept by an earlier page of this tab; sessionStorage, so that two windows can be two people. */
export function savedAccount(storage: TextStorage): Account | undefined {
  const saved = storage.getItem(storageKey);
  if (saved === null) return undefined;
  try {
    const { userId, token, deviceId } = JSON.parse(saved) as Partial<Account>;
    return userId === undefined || token === undefined || deviceId === undefined
      ? undefined
      : { userId, token, deviceId };
  } catch {
    return undefined; // Not ours: sign in again.
  }
}

/** Keeps `account` for the next page of this tab, or forgets it. */
export function saveAccount(storage: TextStorage, account: Account | undefined): void {
  if (account === undefined) storage.removeItem(storageKey);
  else storage.setItem(storageKey, JSON.stringify(account));
}

/** A device id for a tab. */
export function newDeviceId(random: () => number): string {
  return `web-${Math.floor(random() * 36 ** 8).toString(36)}`;
}
