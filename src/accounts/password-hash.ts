import { scrypt, timingSafeEqual } from 'node:crypto';
import type { ScryptOptions } from 'node:crypto';
import { ProtocolError } from '../protocol/protocol-error.ts';

/** The work that a guess costs: scrypt's N (a power of two), r and p. */
export interface PasswordCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** About 60 ms of one core and 16 MiB. */
export const productionCost: PasswordCost = { n: 16_384, r: 8, p: 1 };
/** For trying out, where a load generator registers its users by the hundred. */
export const developmentCost: PasswordCost = { n: 2048, r: 8, p: 1 };

export interface PasswordHasherOptions {
  readonly cost: PasswordCost;
  /** Hashes computed at once; they share libuv's few threads with the store. */
  readonly concurrentMax: number;
  /** Hashes waiting for their turn; beyond it callers get `overloaded`. */
  readonly waitingMax?: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

const saltBytes = 16;
const keyBytes = 32;
const format = /^scrypt\$(\d{1,7})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

/** Hashes passwords: `scrypt$N$r$p$salt$key`, so that the cost can be raised without a migration. */
export class PasswordHasher {
  readonly #options: PasswordHasherOptions;
  readonly #concurrentMax: number;
  readonly #waitingMax: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: PasswordHasherOptions) {
    this.#options = options;
    this.#concurrentMax = options.concurrentMax;
    this.#waitingMax = options.waitingMax ?? 256;
  }

  /** Rejects with `overloaded` where too many wait. */
  async hash(password: string): Promise<string> {
    const { cost, randomBytes } = this.#options;
    const salt = randomBytes(saltBytes);
    const key = await this.#derive(password, salt, cost);
    return ['scrypt', cost.n, cost.r, cost.p, base64(salt), base64(key)].join('$');
  }

  /**
   * False for a wrong password and for a hash that is none (or missing: unknown users cost the same time as wrong
   * passwords). Rejects with `overloaded` where too many wait.
   */
  async verify(password: string, encoded: string | undefined): Promise<boolean> {
    const match = format.exec(encoded ?? '');
    if (match === null) {
      await this.#derive(password, new Uint8Array(saltBytes), this.#options.cost);
      return false;
    }
    const [, n, r, p, salt = '', expected = ''] = match;
    const cost = { n: Number(n), r: Number(r), p: Number(p) };
    const key = await this.#derive(password, Buffer.from(salt, 'base64url'), cost);
    return timingSafeEqual(key, Buffer.from(expected, 'base64url'));
  }

  async #derive(password: string, salt: Uint8Array, cost: PasswordCost): Promise<Uint8Array> {
    await this.#turn();
    try {
      // One spelling a password: keyboards compose accents in different ways.
      return await derive(password.normalize('NFKC'), salt, cost);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Waits end: each hash takes a bounded time, and so many wait at most. */
  #turn(): Promise<void> {
    if (this.#running < this.#concurrentMax) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#waitingMax) {
      throw new ProtocolError('overloaded', 'too many log-ins at once', { retryAfterMs: 2_000 });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function derive(password: string, salt: Uint8Array, { n, r, p }: PasswordCost): Promise<Uint8Array> {
  const options: ScryptOptions = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, keyBytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
