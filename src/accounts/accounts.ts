import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxDirectory, Profile } from '../router/mailbox-port.ts';
import type { Time } from '../std/time.ts';
import type { PasswordHasher } from './password-hash.ts';
import type { IssuedToken, TokenService } from './token-service.ts';
import type { TokenVerifier } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

export interface Registration {
  readonly userId: string;
  readonly name: string;
  readonly password: string;
}

/** Who vouches for users: this cluster, which keeps their passwords, or somebody else. */
export type TokenIssuer =
  | { readonly kind: 'own'; readonly tokens: TokenService; readonly hasher: PasswordHasher }
  | { readonly kind: 'external'; readonly tokens: TokenVerifier };

export interface AccountsOptions {
  readonly directory: MailboxDirectory;
  readonly issuer: TokenIssuer;
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

  /** Rejects with `conflict` where the user exists, `not_found` where an external issuer vouches for users. */
  async register(registration: Registration, deadline: number): Promise<IssuedToken> {
    const { directory, time } = this.#options;
    const { hasher, tokens } = this.#ownIssuer();
    const { userId, name, password } = registration;
    const mailbox = directory.mailbox(userId);
    // Asked first to spare the hash; it is createAccount that decides between two at once.
    if ((await mailbox.call('account', null, deadline)).profile !== undefined) throw userExists();
    const passwordHash = await hasher.hash(password);
    await mailbox.call(
      'createAccount',
      { name: name.toWellFormed(), createdAt: time.wallMs(), passwordHash, tokensValidFrom: 0 },
      deadline,
    );
    return tokens.issue(userId);
  }

  /**
   * Rejects with `unauthenticated`: in the same words and time for an unknown user and a wrong password; `not_found`
   * where an external issuer vouches for users.
   */
  async logIn(userId: string, password: string, deadline: number): Promise<IssuedToken> {
    const { hasher, tokens } = this.#ownIssuer();
    const mailbox = this.#options.directory.mailbox(userId);
    const { profile } = await mailbox.call('account', null, deadline);
    const right = await hasher.verify(password, profile?.passwordHash);
    if (!right) throw new ProtocolError('unauthenticated', 'wrong user or password');
    return tokens.issue(userId);
  }

  /**
   * Checks a token and that its user has not revoked it; rejects with `unauthenticated`. Who comes with the first
   * token of an external issuer becomes a user; with one of our own, the user has to exist.
   */
  async authenticate(token: string, deadline: number): Promise<VerifiedToken> {
    const { issuer, directory } = this.#options;
    const verified = await issuer.tokens.verify(token);
    const mailbox = directory.mailbox(verified.userId);
    const { profile: known } = await mailbox.call('account', null, deadline);
    const profile =
      known ?? (issuer.kind === 'external' ? await this.#welcome(verified, deadline) : undefined);
    if (profile === undefined) throw new ProtocolError('unauthenticated', 'the user of this token is gone');
    if (verified.issuedAtMs < profile.tokensValidFrom) {
      throw new ProtocolError('unauthenticated', 'the token was revoked');
    }
    return verified;
  }

  #ownIssuer(): Extract<TokenIssuer, { kind: 'own' }> {
    const { issuer } = this.#options;
    if (issuer.kind === 'own') return issuer;
    throw new ProtocolError('not_found', 'users and their passwords are kept elsewhere; come with a token');
  }

  async #welcome({ userId, name }: VerifiedToken, deadline: number): Promise<Profile | undefined> {
    const mailbox = this.#options.directory.mailbox(userId);
    const createdAt = this.#options.time.wallMs();
    const account = { name: name ?? userId, createdAt, passwordHash: '', tokensValidFrom: 0 };
    try {
      await mailbox.call('createAccount', account, deadline);
      return account;
    } catch (error) {
      // Another connection of the same user came first.
      if (error instanceof ProtocolError && error.kind === 'conflict') {
        return (await mailbox.call('account', null, deadline)).profile;
      }
      throw error;
    }
  }
}

function userExists(): ProtocolError {
  return new ProtocolError('conflict', 'this user exists');
}
