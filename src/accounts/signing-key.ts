import { hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { readOrCreateSecret } from './secret-file.ts';

const hs256BytesMin = 32;

/** The key that signs this cluster's tokens, and the one algorithm that it is for. */
export interface SigningKey {
  readonly algorithm: 'EdDSA' | 'HS256';
  readonly signWith: CryptoKey | Uint8Array;
  readonly verifyWith: CryptoKey | Uint8Array;
}

/** Reads a key from a file that holds a JWK: an Ed25519 key pair, or a secret of at least 32 bytes. */
export async function readSigningKey(path: string): Promise<SigningKey> {
  return signingKeyOf(await readFile(path, 'utf8'), path);
}

/** The key in a data folder, made there at the first start. All nodes on that folder share it. */
export async function openSigningKey(dataPath: string): Promise<SigningKey> {
  const path = join(dataPath, 'signing-key.json');
  return signingKeyOf(await readOrCreateSecret(path, generateKey), path);
}

/** The same key on all nodes that share this secret, which it does not tell. */
export function derivedSigningKey(clusterSecret: Uint8Array): SigningKey {
  const derived = hkdfSync('sha256', clusterSecret, '', 'mailring token signing key 1', hs256BytesMin);
  const secret = new Uint8Array(derived);
  return { algorithm: 'HS256', signWith: secret, verifyWith: secret };
}

async function generateKey(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return `${JSON.stringify(await exportJWK(privateKey))}\n`;
}

/** `source` names where the text is from, for the error. */
export async function signingKeyOf(text: string, source: string): Promise<SigningKey> {
  const jwk = parseJwk(text, source);
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && jwk.d !== undefined && jwk.x !== undefined) {
    const { kty, crv, x } = jwk;
    const algorithm = 'EdDSA';
    return {
      algorithm,
      signWith: await importJWK(jwk, algorithm),
      verifyWith: await importJWK({ kty, crv, x }, algorithm),
    };
  }
  if (jwk.kty === 'oct' && jwk.k !== undefined) {
    const secret = Buffer.from(jwk.k, 'base64url');
    if (secret.length < hs256BytesMin) {
      throw new Error(`${source}: a secret for HS256 has at least ${hs256BytesMin} bytes`);
    }
    return { algorithm: 'HS256', signWith: secret, verifyWith: secret };
  }
  throw new Error(`${source} is no JWK of an Ed25519 key pair or of a secret (kty OKP or oct)`);
}

function parseJwk(text: string, source: string): JWK {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${source} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new Error(`${source} is no JWK`);
  return value;
}
