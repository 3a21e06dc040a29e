import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readOrCreateSecret } from '../accounts/secret-file.ts';

const tokenBytes = 32;
const tokenCharsMin = 32;

/** What an operator shows to change things; kept in the data folder in development. */
export class OperatorToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digest(token.trim());
  }

  /** The token in a data folder, made there at the first start. */
  static async open(dataPath: string, randomBytes: (count: number) => Uint8Array): Promise<OperatorToken> {
    const create = async (): Promise<string> =>
      `${Buffer.from(randomBytes(tokenBytes)).toString('base64url')}\n`;
    return new OperatorToken(await readOrCreateSecret(join(dataPath, 'operator-token'), create));
  }

  /** The token in a file. Rejects where there is none that nobody can guess. */
  static async read(path: string): Promise<OperatorToken> {
    const token = (await readFile(path, 'utf8')).trim();
    if (token.length >= tokenCharsMin && /^\S+$/.test(token)) return new OperatorToken(token);
    throw new Error(
      `${path}: an operator token has at least ${tokenCharsMin} characters, none of them a space (openssl rand -hex 32)`,
    );
  }

  /** Checks an `Authorization: Bearer` header, in a time that tells nothing of the token. */
  admits(authorization: string | undefined): boolean {
    const shown = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return shown !== undefined && timingSafeEqual(digest(shown), this.#digest);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
