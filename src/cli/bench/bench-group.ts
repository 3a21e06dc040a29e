import { httpUrlOf } from '../../client/account-api.ts';
import type { LoadAccount } from './load-account.ts';
import { loadDeviceId } from './load-session.ts';

const timeoutMs = 60_000;
/** Members in one call: its frame stays far below the limit. */
const membersPerCall = 1_000;

/** Makes one group of all accounts. @returns its id. Rejects with Error */
export async function makeLoadGroup(run: string, accounts: readonly LoadAccount[]): Promise<string> {
  const [owner, ...others] = accounts;
  if (owner === undefined) throw new Error('a group has at least one member');
  const ids = others.map(({ userId }) => userId);
  const first = { name: run, requestId: run, members: ids.slice(0, membersPerCall) };
  const { conversationId } = await call(owner, 'createGroup', first);
  for (let from = membersPerCall; from < ids.length; from += membersPerCall) {
    const members = ids.slice(from, from + membersPerCall);
    await call(owner, 'addMembers', { conversationId, members });
  }
  if (typeof conversationId !== 'string') throw new Error('createGroup gave no conversationId');
  return conversationId;
}

async function call(account: LoadAccount, method: string, params: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${httpUrlOf(account.wsUrl)}/v1/rpc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.token}`, 'x-device-id': loadDeviceId },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const reply = (await response.json()) as { result?: Record<string, unknown>; error?: object };
  if (reply.result === undefined) throw new Error(`${method}: ${JSON.stringify(reply.error ?? reply)}`);
  return reply.result;
}
