import { decodeValue, encodeValue } from '../conversation/cell-value.ts';
import type { Cell } from '../row/cell.ts';

/** A token as a row remembers it: by a fingerprint, never by itself. */
export interface SeenToken {
  readonly tokenId: string;
  /** Epoch ms. */
  readonly issuedAt: number;
}

/** A device of the mailbox's user. Times in epoch ms. */
export interface Device {
  readonly deviceId: string;
  readonly name: string;
  readonly firstSeenAt: number;
  /** To within `seenEveryMs`. */
  readonly lastSeenAt: number;
  /** Those that it came with last, the latest first. */
  readonly tokens: readonly SeenToken[];
}

/** Devices of one user; beyond, the one that was not seen for longest is forgotten. */
export const devicesMax = 64;
/** Tokens that are remembered of one device. */
export const deviceTokensMax = 4;
/** How often it is written down that a device is still there. */
export const seenEveryMs = 3_600_000;
/** Memory taken by one. */
export const deviceBytes = 300;

const prefix = 'd'.charCodeAt(0);

type DeviceFields = [
  name: string,
  firstSeenAt: number,
  lastSeenAt: number,
  tokens: [tokenId: string, issuedAt: number][],
];

function qualifierOf(deviceId: string): Buffer {
  return Buffer.from(`d${deviceId}`);
}

/** `h` `d`|deviceId */
export function deviceCell({ deviceId, name, firstSeenAt, lastSeenAt, tokens }: Device): Cell {
  const seen = tokens.map(({ tokenId, issuedAt }): [string, number] => [tokenId, issuedAt]);
  const fields: DeviceFields = [name, firstSeenAt, lastSeenAt, seen];
  return { family: 'h', qualifier: qualifierOf(deviceId), value: encodeValue(fields) };
}

/** Clears what `deviceCell` wrote. */
export function noDeviceCell(deviceId: string): Cell {
  return { family: 'h', qualifier: qualifierOf(deviceId), value: Buffer.alloc(0) };
}

export function isDeviceCell({ qualifier }: Cell): boolean {
  return qualifier[0] === prefix;
}

export function deviceOf(cell: Cell): Device {
  const [name, firstSeenAt, lastSeenAt, seen] = decodeValue(cell) as DeviceFields;
  const tokens = seen.map(([tokenId, issuedAt]) => ({ tokenId, issuedAt }));
  return { deviceId: cell.qualifier.toString('utf8', 1), name, firstSeenAt, lastSeenAt, tokens };
}
