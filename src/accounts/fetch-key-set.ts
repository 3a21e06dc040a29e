import type { JSONWebKeySet } from 'jose';
import { fetchWithin } from '../std/fetch-within.ts';
import type { Time } from '../std/time.ts';

const limits = { timeoutMs: 5_000, bytesMax: 1024 * 1024 };
const headers = { accept: 'application/jwk-set+json, application/json' };

/** The keys that an issuer publishes, not checked. Rejects with Error where there is no good answer in 5 s. */
export async function fetchKeySet(url: string, time: Time): Promise<JSONWebKeySet> {
  const { status, text } = await fetchWithin(url, { headers }, limits, time);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return JSON.parse(text) as JSONWebKeySet;
}
