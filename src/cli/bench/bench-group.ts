import { setTimeout as sleep } from 'node:timers/promises';
import { httpUrlOf } from '../../client/account-api.ts';
import type { LoadAccount } from './load-account.ts';
import { loadDeviceId } from './load-session.ts';

const timeoutMs = 60_000;
/** Members in one call: as long as a busy machine can be, it comes to its end within the call's deadline. */
const membersPerCall = 500;
/** So that while mailboxes are told of one call the next ones are looked up. */
const callsAtOnce = 4;
/** A call is made again where the nodes are too busy: it changes nothing for those who are in already. */
const triesMax = 8;
const pauseMs = 500;
const progressMs = 2_000;

interface Reply {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly data?: { readonly kind?: string; readonly retryable?: boolean } };
}

/** Makes one group of all accounts. @returns its id. Rejects with Error */
export async function makeLoadGroup(
  run: string,
  accounts: readonly LoadAccount[],
  onProgress: (line: string) => void,
): Promise<string> {
  const [owner, ...others] = accounts;
  if (owner === undefined) throw new Error('a group has at least one member');
  const ids = others.map(({ userId }) => userId);
  const first = { name: run, requestId: run, members: ids.slice(0, membersPerCall) };
  const { conversationId } = await call(owner, 'createGroup', first);
  if (typeof conversationId !== 'string') throw new Error('createGroup gave no conversationId');
  let toldMs = performance.now();
  let from = membersPerCall;
  const work = async (): Promise<void> => {
    while (from < ids.length) {
      const members = ids.slice(from, (from += membersPerCall));
      await call(owner, 'addMembers', { conversationId, members });
      if (performance.now() - toldMs < progressMs) continue;
      toldMs = performance.now();
      onProgress(`about ${Math.min(from, ids.length)} of ${accounts.length} members are in`);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, work));
  return conversationId;
}

async function call(account: LoadAccount, method: string, params: object): Promise<Record<string, unknown>> {
  for (let tries = 1; ; tries++) {
    const { result, error } = await ask(account, method, params);
    if (result !== undefined) return result;
    if (error?.data?.retryable !== true || tries === triesMax) {
      throw new Error(`${method}: ${JSON.stringify(error)}`);
    }
    await sleep(pauseMs * (1 + Math.random()));
  }
}

async function ask(account: LoadAccount, method: string, params: object): Promise<Reply> {
  const response = await fetch(`${httpUrlOf(account.wsUrl)}/v1/rpc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.token}`, 'x-device-id': loadDeviceId },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return (await response.json()) as Reply;
}
