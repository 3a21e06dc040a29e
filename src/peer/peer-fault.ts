import { ConnectionRefused } from './peer-network.ts';

/** Why a connection was refused or closed, with the number that stands for it on the wire (never reused). */
export const peerFaultCodes = {
  version: 1,
  secret: 2,
  wrongNode: 3,
  busy: 4,
  stopping: 5,
  protocol: 6,
  superseded: 7,
  silent: 8,
  timeout: 9,
  network: 10,
} as const;

export type PeerFaultCode = keyof typeof peerFaultCodes;

/** What ended a connection. `code` says who has to do something: all but `secret` and `version` may heal alone. */
export class PeerFault extends Error {
  override readonly name = 'PeerFault';
  readonly code: PeerFaultCode;
  /** The other side said so. */
  readonly isRemote: boolean;

  constructor(code: PeerFaultCode, message: string, options?: ErrorOptions & { isRemote?: boolean }) {
    super(message, options);
    this.code = code;
    this.isRemote = options?.isRemote ?? false;
  }

  /** Nobody listens where the peer was: its process has ended, or is not up yet. */
  get isRefusal(): boolean {
    return this.cause instanceof ConnectionRefused;
  }

  get retryable(): boolean {
    return this.code !== 'secret' && this.code !== 'version';
  }
}

/** The code of a number from the wire; a number that is not known here is some fault of the protocol. */
export function faultCodeOf(wireCode: number): PeerFaultCode {
  for (const [code, known] of Object.entries(peerFaultCodes)) {
    if (known === wireCode) return code as PeerFaultCode;
  }
  return 'protocol';
}
