import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxDirectory } from '../router/mailbox-port.ts';
import type { Time } from '../std/time.ts';
import type { PasswordHasher } from './password-hash.ts';
import type { IssuedToken, TokenService } from './token-service.ts';
import type { VerifiedToken } from './verified-token.ts';

export interface Registration {
  readonly userId: string;
  readonly name: string;
  readonly password: string;
}

export interface AccountsOptions {
  readonly directory: MailboxDirectory;
  readonly hasher: PasswordHasher;
  readonly tokens: TokenService;
  readonly time: Time;
}

/**
 * Who users are: registration, log-in and tokens. Every method rejects with ProtocolError;
 * `deadline` is absolute monotonic milliseconds.
 */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Rejects with `conflict` where the user exists. */
  async register(registration: Registration, deadline: number): Promise<IssuedToken> {
    const { directory, hasher, tokens, time } = this.#options;
    const { userId, name, password } = registration;
    const mailbox = directory.mailbox(userId);
    // Asked first to spare the hash; it is createAccount that decides between two at once.
    if ((await mailbox.account(deadline)) !== undefined) throw userExists();
    const passwordHash = await hasher.hash(password);
    await mailbox.createAccount(
      { name: name.toWellFormed(), createdAt: time.wallMs(), passwordHash, tokensValidFrom: 0 },
      deadline,
    );
    return tokens.issue(userId);
  }

  /** Rejects with `unauthenticated`: in the same words and time for an unknown user and a wrong password. */
  async logIn(userId: string, password: string, deadline: number): Promise<IssuedToken> {
    const { directory, hasher, tokens } = this.#options;
    const account = await directory.mailbox(userId).account(deadline);
    const right = await hasher.verify(password, account?.passwordHash);
    if (!right) throw new ProtocolError('unauthenticated', 'wrong user or password');
    return tokens.issue(userId);
  }

  /** Checks a token and that its user exists and has not revoked it; rejects with `unauthenticated`. */
  async authenticate(token: string, deadline: number): Promise<VerifiedToken> {
    const verified = await this.#options.tokens.verify(token);
    const account = await this.#options.directory.mailbox(verified.userId).account(deadline);
    if (account === undefined) throw new ProtocolError('unauthenticated', 'the user of this token is gone');
    if (verified.issuedAtMs < account.tokensValidFrom) {
      throw new ProtocolError('unauthenticated', 'the token was revoked');
    }
    return verified;
  }
}

function userExists(): ProtocolError {
  return new ProtocolError('conflict', 'this user exists');
}
