import { dmIdOf } from '../../protocol/conversation-id.ts';
import { hasPart, lastNumberOf } from './frame-scan.ts';
import type { LoadAccount } from './load-account.ts';
import { loadDeviceId } from './load-session.ts';

/** What a user asks over and over. */
export interface Workload {
  /** The JSON-RPC frame of request number `id`; ASCII. */
  request(account: LoadAccount, id: number): string;
  /** Looks at a successful reply, before the next request is made. */
  answered?(account: LoadAccount, bytes: Buffer, start: number, end: number): void;
}

const textBytes = 100;
const messageText = 'The quick brown fox jumps over the lazy dog, and so on. '.repeat(2).slice(0, textBytes);
const pageLimit = 50;
const listLimit = 30;

const partnerOf = (accounts: readonly LoadAccount[], { index }: LoadAccount): LoadAccount => {
  const partner = accounts[index ^ 1];
  if (partner === undefined) throw new RangeError(`user ${index} has no partner`);
  return partner;
};

/** Everyone writes to the other one of the pair. */
export function pairMessages(accounts: readonly LoadAccount[]): Workload {
  const heads = accounts.map((account) => sendHead(partnerOf(accounts, account).userId));
  const tails = accounts.map(({ userId }) => `.${userId}.${loadDeviceId}.`);
  return {
    // A message's number is the request's: that is how an arriving push finds when it was sent.
    request: ({ index }, id) =>
      `{"jsonrpc":"2.0","id":${id}${heads[index] ?? ''}${Date.now()}${tails[index] ?? ''}${id}"}}`,
  };
}

/** Everyone writes to the next ones in turn, so that lists get long. */
export function spreadMessages(accounts: readonly LoadAccount[]): Workload {
  return {
    request: ({ index, userId }, id) => {
      const to = accounts[(index + 1 + (id % (accounts.length - 1))) % accounts.length]?.userId ?? '';
      return `{"jsonrpc":"2.0","id":${id}${sendHead(to)}${Date.now()}.${userId}.${loadDeviceId}.${id}"}}`;
    },
  };
}

/** Everyone writes to the group. */
export function groupMessages(groupId: string): Workload {
  const head = sendHead(groupId, 'conversationId');
  return {
    request: ({ userId }, id) =>
      `{"jsonrpc":"2.0","id":${id}${head}${Date.now()}.${userId}.${loadDeviceId}.${id}"}}`,
  };
}

function sendHead(to: string, key: 'to' | 'conversationId' = 'to'): string {
  return `,"method":"sendMessage","params":{"${key}":"${to}","text":"${messageText}","messageId":"`;
}

const seqKey = Buffer.from('"seq":', 'latin1');
const lastPage = Buffer.from('"hasMore":false', 'latin1');

/** Everyone pages through the history with the other one, newest to oldest, and from the top again. */
export function historyPages(accounts: readonly LoadAccount[]): Workload {
  const heads = accounts.map((account) => {
    const conversationId = dmIdOf(account.userId, partnerOf(accounts, account).userId);
    return `,"method":"getMessages","params":{"conversationId":"${conversationId}","limit":${pageLimit}`;
  });
  const before = new Float64Array(accounts.length);
  return {
    request: ({ index }, id) => {
      const seq = before[index] ?? 0;
      return `{"jsonrpc":"2.0","id":${id}${heads[index] ?? ''}${seq > 0 ? `,"before":${seq}}}` : '}}'}`;
    },
    answered: ({ index }, bytes, start, end) => {
      const oldest = lastNumberOf(bytes, start, end, seqKey);
      before[index] = hasPart(bytes, start, end, lastPage) ? 0 : Math.max(0, oldest);
    },
  };
}

/** Everyone asks for the first page of the conversation list. */
export function conversationLists(): Workload {
  return {
    request: (_account, id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"getConversations","params":{"limit":${listLimit}}}`,
  };
}
