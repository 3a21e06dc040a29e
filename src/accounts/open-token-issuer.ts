import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Settings } from '../config/settings.ts';
import type { Time } from '../std/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TokenIssuer } from './accounts.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import { JwksIssuer } from './jwks-issuer.ts';
import { developmentCost, PasswordHasher, productionCost } from './password-hash.ts';
import { derivedSigningKey, openSigningKey, readSigningKey, type SigningKey } from './signing-key.ts';
import { TokenService } from './token-service.ts';

/** What an issuer stands on. */
export interface IssuerParts {
  /** What the nodes of the cluster share; not the key itself. */
  readonly clusterSecret: Uint8Array;
  readonly time: Time;
  readonly logger: Logger;
}

/** Who vouches for users, by the settings. Rejects with Error where a key cannot be read. */
export async function openTokenIssuer(settings: Settings, parts: IssuerParts): Promise<TokenIssuer> {
  return externalIssuer(settings, parts) ?? (await ownIssuer(settings, parts));
}

function externalIssuer({ auth }: Settings, { time, logger }: IssuerParts): TokenIssuer | undefined {
  const { issuer, jwksUrl, audience, userClaim } = auth;
  if (issuer === undefined || jwksUrl === undefined) return undefined;
  const onTrouble = (error: unknown): void => {
    logger.warn({ err: error }, 'the keys of the token issuer could not be fetched and will be tried again');
  };
  const fetchKeys = (): ReturnType<typeof fetchKeySet> => fetchKeySet(jwksUrl, time);
  const tokens = new JwksIssuer({ issuer, audience, userClaim, fetchKeys, time, onTrouble });
  return { kind: 'external', tokens };
}

async function ownIssuer(settings: Settings, { clusterSecret, time }: IssuerParts): Promise<TokenIssuer> {
  const key = await signingKey(settings, clusterSecret);
  const cost = settings.mode === 'production' ? productionCost : developmentCost;
  const tokens = new TokenService(key, settings.auth.tokenLifetimeMs, time);
  return { kind: 'own', tokens, hasher: new PasswordHasher({ cost, concurrentMax, randomBytes }) };
}

/** Those who chat need cores as well. */
const concurrentMax = availableParallelism() < 4 ? 1 : 2;

async function signingKey(
  { auth, clusterSecretFile, data }: Settings,
  clusterSecret: Uint8Array,
): Promise<SigningKey> {
  if (auth.signingKeyFile !== undefined) return readSigningKey(auth.signingKeyFile);
  return clusterSecretFile === undefined ? openSigningKey(data) : derivedSigningKey(clusterSecret);
}
