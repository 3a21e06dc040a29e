import type { Accounts } from '../accounts/accounts.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxPort } from '../router/mailbox-port.ts';
import type { Cancel, Time } from '../std/time.ts';

export interface TokenWatchParts {
  readonly token: string;
  readonly mailbox: MailboxPort;
  readonly accounts: Pick<Accounts, 'authenticate' | 'onWithdrawn'>;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** For one check, ms. */
  readonly timeoutMs: number;
  /** The token is not good any more. */
  readonly ended: () => void;
}

/** What is heard of within this time, or up to twice that, is one check: many sessions hear of a move at once. */
const gatherMs = 250;
/** A withdrawn key of the issuer concerns all sessions: they are checked one after the other within this time. */
const withdrawnSpreadMs = 60_000;
/** After a check that could not be made. */
const againMs = 5_000;

/**
 * Sees to it that a session ends when its token is revoked, on whichever node it is open. A revocation is a commit of
 * the user's row that writes what the feed does not list, alone or with changes of others in the same commit. Each of
 * these is a reason to look at the token again, and so is what may have been missed, and a key that an issuer withdraws.
 */
export class TokenWatch {
  readonly #parts: TokenWatchParts;
  readonly #unsubscribe: () => void;
  readonly #cancelWithdrawn: Cancel;
  #cancel: Cancel | undefined;
  /** Of the next check. */
  #dueMs = Infinity;
  #isStopped = false;

  constructor(parts: TokenWatchParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.mailbox.subscribe(({ hasUnlisted }) => {
      if (hasUnlisted) this.#checkSoon();
    });
    this.#cancelWithdrawn = parts.accounts.onWithdrawn(() => {
      this.#checkIn(withdrawnSpreadMs * parts.random());
    });
    // It may have been revoked between the check that let it in and this.
    this.#checkSoon();
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#cancelWithdrawn();
    this.#cancel?.();
  }

  #checkSoon(): void {
    this.#checkIn(gatherMs * (1 + this.#parts.random()));
  }

  #checkIn(delayMs: number): void {
    const { time } = this.#parts;
    const dueMs = time.monotonicMs() + delayMs;
    if (dueMs >= this.#dueMs || this.#isStopped) return;
    this.#cancel?.();
    this.#dueMs = dueMs;
    this.#cancel = time.after(delayMs, () => {
      this.#dueMs = Infinity;
      void this.#check();
    });
  }

  async #check(): Promise<void> {
    const { token, accounts, time, timeoutMs, ended } = this.#parts;
    try {
      await accounts.authenticate(token, time.monotonicMs() + timeoutMs);
    } catch (error) {
      if (this.#isStopped) return;
      if (error instanceof ProtocolError && error.kind === 'unauthenticated') ended();
      else this.#checkIn(againMs);
    }
  }
}
