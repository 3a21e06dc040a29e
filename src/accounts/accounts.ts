import { LRUCache } from 'lru-cache';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MailboxDirectory } from '../router/mailbox-port.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { PasswordHasher } from './password-hash.ts';
import type { IssuedToken, TokenService } from './token-service.ts';
import type { TokenVerifier } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

export interface Registration {
  readonly userId: string;
  readonly name: string;
  readonly password: string;
}

/** Devices that this node need not write down again for a while. */
const notedMax = 50_000;
const noteEveryMs = 3_600_000;

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
  /** When a device was written down here last, with which token: monotonic ms. */
  readonly #noted = new LRUCache<string, number>({ max: notedMax });

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
    const seen = seenToken(verified);
    let { profile, isGood } = await mailbox.call('admission', seen, deadline);
    if (profile === undefined && issuer.kind === 'external') {
      await this.#welcome(verified, deadline);
      ({ profile, isGood } = await mailbox.call('admission', seen, deadline));
    }
    if (profile === undefined) throw new ProtocolError('unauthenticated', 'the user of this token is gone');
    if (!isGood) throw new ProtocolError('unauthenticated', 'the token was revoked');
    return verified;
  }

  /** Calls `listener` when tokens may have become bad in another way than by a change of their user's row. */
  onWithdrawn(listener: () => void): Cancel {
    const tokens: TokenVerifier = this.#options.issuer.tokens;
    return tokens.onWithdrawn?.(listener) ?? (() => undefined);
  }

  /**
   * Writes down that a device has come with this token, at most once an hour each. Nothing waits for it: what could not
   * be written down is refused like any unknown token once another device is logged out.
   */
  async noteDevice(verified: VerifiedToken, deviceId: string, deadline: number): Promise<void> {
    const { userId, tokenId } = verified;
    const key = `${userId} ${deviceId} ${tokenId}`;
    const nowMs = this.#options.time.monotonicMs();
    const notedMs = this.#noted.get(key);
    if (notedMs !== undefined && nowMs - notedMs < noteEveryMs) return;
    this.#noted.set(key, nowMs);
    try {
      const mailbox = this.#options.directory.mailbox(userId);
      await mailbox.call('noteDevice', { deviceId, ...seenToken(verified) }, deadline);
    } catch (error) {
      this.#noted.delete(key);
      throw error;
    }
  }

  #ownIssuer(): Extract<TokenIssuer, { kind: 'own' }> {
    const { issuer } = this.#options;
    if (issuer.kind === 'own') return issuer;
    throw new ProtocolError('not_found', 'users and their passwords are kept elsewhere; come with a token');
  }

  async #welcome({ userId, name }: VerifiedToken, deadline: number): Promise<void> {
    const mailbox = this.#options.directory.mailbox(userId);
    const createdAt = this.#options.time.wallMs();
    const account = { name: name ?? userId, createdAt, passwordHash: '', tokensValidFrom: 0 };
    try {
      await mailbox.call('createAccount', account, deadline);
    } catch (error) {
      // Another connection of the same user came first.
      if (!(error instanceof ProtocolError) || error.kind !== 'conflict') throw error;
    }
  }
}

function userExists(): ProtocolError {
  return new ProtocolError('conflict', 'this user exists');
}

function seenToken({ tokenId, issuedAtMs }: VerifiedToken): { tokenId: string; issuedAt: number } {
  return { tokenId, issuedAt: issuedAtMs };
}
