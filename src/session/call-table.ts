import type { Static } from 'typebox';
import { callList } from '../protocol/call-list.ts';
import type { CallName } from '../protocol/call-list.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { shapeCheck } from '../protocol/shape-check.ts';
import type { MailboxPort, UserPort } from '../router/mailbox-port.ts';
import type { Company } from './company.ts';

/** Who calls. */
export interface Caller {
  readonly userId: string;
  readonly deviceId: string;
  readonly mailbox: UserPort;
  /** Anybody's, for what everybody may see. */
  readonly mailboxOf: (userId: string) => MailboxPort;
  readonly company: Company;
}

/** A call of the protocol: its name, its checks and what it does. */
export interface Call {
  readonly name: string;
  /** `read`: the reply may be large; few of them run at once for one connection. */
  readonly kind: 'write' | 'read';
  /** What it costs of the rate beside one unit. */
  readonly surcharge?: (params: object) => number;
  /**
   * Checks the params and starts the call before it returns, so that calls reach the mailbox in the order of their
   * frames (G3). `deadline`: absolute monotonic milliseconds.
   */
  start(caller: Caller, params: object, deadline: number): Promise<object> | Refusal;
  /** What `start` resolved with has been sent, or nobody waits for it any more. */
  readonly answered?: (caller: Caller, result: object) => void;
}

/** What a handler gets once the params fit. */
type FittingParams<Name extends CallName> = Static<(typeof callList)[Name]['params']>;

/** A call of the list out of its handler, which sees only params that fit. */
export function call<Name extends CallName>(
  kind: Call['kind'],
  name: Name,
  handle: (caller: Caller, params: FittingParams<Name>, deadline: number) => Promise<object> | Refusal,
): Call {
  const check = shapeCheck<(typeof callList)[Name]['params']>(callList[name].params);
  return {
    name,
    kind,
    start: (caller, params, deadline) =>
      check.fits(params) ? handle(caller, params, deadline) : check.explain(params),
  };
}
