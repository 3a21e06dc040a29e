import type { LoadAccount } from './load-account.ts';
import { RawSocket } from './raw-socket.ts';
import type { RawSocketEvents } from './raw-socket.ts';

interface OpenReply {
  readonly result?: object;
  readonly error?: {
    readonly message?: string;
    readonly data?: { readonly kind?: string; readonly url?: string };
  };
}

const movedHopsMax = 5;
const sessionTimeoutMs = 10_000;

export const loadDeviceId = 'bench';

/**
 * Opens a socket and a session on it, following `moved` to the owner; frames after the session's reply go to
 * `events`. Rejects with Error.
 */
export async function openLoadSession(account: LoadAccount, events: RawSocketEvents): Promise<RawSocket> {
  let url = account.wsUrl;
  for (let hop = 0; hop <= movedHopsMax; hop++) {
    const outcome = await openOnce(url, account, events);
    if (outcome instanceof RawSocket) return outcome;
    url = outcome.movedTo;
  }
  throw new Error(`${account.userId} was sent from node to node ${movedHopsMax} times`);
}

async function openOnce(
  url: string,
  account: LoadAccount,
  events: RawSocketEvents,
): Promise<RawSocket | { movedTo: string }> {
  const opened = Promise.withResolvers<OpenReply>();
  let isOpen = false;
  const socket = await RawSocket.open(url, {
    received: (bytes, start, end) => {
      if (isOpen) events.received(bytes, start, end);
      else opened.resolve(JSON.parse(bytes.toString('utf8', start, end)) as OpenReply);
      isOpen = true;
    },
    closed: (code) => {
      opened.reject(new Error(`closed with ${code} before the session was open`));
      if (isOpen) events.closed(code);
    },
  });
  const timer = setTimeout(() => opened.reject(new Error('session.open was not answered')), sessionTimeoutMs);
  try {
    const params = { token: account.token, deviceId: loadDeviceId };
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'session.open', params }));
    const { result, error } = await opened.promise;
    if (result !== undefined) return socket;
    isOpen = false;
    if (error?.data?.kind === 'moved' && error.data.url !== undefined) {
      socket.close();
      return { movedTo: error.data.url };
    }
    throw new Error(`session.open: ${error?.data?.kind ?? ''} ${error?.message ?? ''}`);
  } catch (error) {
    socket.drop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
