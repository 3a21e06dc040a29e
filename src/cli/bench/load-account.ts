import { setTimeout as sleep } from 'node:timers/promises';
import { AccountError, createUser, httpUrlOf } from '../../client/account-api.ts';

/** A registered user of a run. `index` is its place in the run, `url` the node it was given. */
export interface LoadAccount {
  readonly index: number;
  readonly userId: string;
  readonly token: string;
  readonly wsUrl: string;
}

const progressMs = 2_000;
const registrationsAtOnce = 8;
const triesMax = 20;
const retryPauseMs = 500;

export function loadUserId(run: string, index: number): string {
  return `${run}-${index}`;
}

/** Users of a run who exist already and never come: `count` of them, from `first` on. */
export function absentAccounts(run: string, first: number, count: number): LoadAccount[] {
  return Array.from({ length: count }, (_, place) => {
    const index = first + place;
    return { index, userId: loadUserId(run, index), token: '', wsUrl: '' };
  });
}

/**
 * Registers `count` users `<run>-<index>`, spread over the nodes in pairs (0 and 1 together, 2 and 3 …), a few
 * at a time since a password costs the server real work. Rejects with AccountError.
 */
export async function registerAccounts(
  run: string,
  count: number,
  wsUrls: readonly string[],
  onProgress: (line: string) => void = () => undefined,
): Promise<LoadAccount[]> {
  const accounts: LoadAccount[] = [];
  let next = 0;
  let toldMs = performance.now();
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const wsUrl = wsUrls[Math.floor(index / 2) % wsUrls.length] ?? '';
      const userId = loadUserId(run, index);
      const token = await register(httpUrlOf(wsUrl), userId);
      accounts[index] = { index, userId, token, wsUrl };
      if (performance.now() - toldMs < progressMs) continue;
      toldMs = performance.now();
      onProgress(`${index} of ${count} users are registered`);
    }
  };
  await Promise.all(Array.from({ length: registrationsAtOnce }, work));
  return accounts;
}

async function register(httpUrl: string, userId: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { token } = await createUser(httpUrl, {
        userId,
        name: userId,
        password: `password-of-${userId}`,
      });
      return token;
    } catch (error) {
      const isBusy = error instanceof AccountError && (error.status === 429 || error.status === 503);
      if (!isBusy || attempt === triesMax) throw error;
      await sleep((error.retryAfterMs ?? retryPauseMs) * (1 + Math.random() / 2));
    }
  }
}
