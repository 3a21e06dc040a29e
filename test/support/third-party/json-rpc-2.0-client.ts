import { JSONRPCClient, JSONRPCErrorException, JSONRPCServer, JSONRPCServerAndClient } from 'json-rpc-2.0';
import type { JSONRPCResponse } from 'json-rpc-2.0';
import { WebSocket } from 'ws';
import { opened } from './chat-script.ts';
import type { ChatClient, Connect } from './chat-script.ts';

type Json = Record<string, unknown>;

function refusal(error: unknown): { code: number; data: Json } {
  if (!(error instanceof JSONRPCErrorException)) throw error;
  return { code: error.code, data: error.data as Json };
}

/** `json-rpc-2.0` over a WebSocket. */
export const overWebSocket: Connect = (httpUrl, user) =>
  opened(httpUrl, user, async (wsUrl) => {
    const socket = new WebSocket(wsUrl, 'mailring.v1.json');
    const changes: Json[] = [];
    const rpc = new JSONRPCServerAndClient(
      new JSONRPCServer(),
      new JSONRPCClient((request) => {
        socket.send(JSON.stringify(request));
      }),
    );
    rpc.addMethod('change', (change: Json) => void changes.push(change));
    socket.on(
      'message',
      (data: Buffer) => void rpc.receiveAndSend(JSON.parse(data.toString()), undefined, undefined),
    );
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const client: ChatClient = {
      call: async (method, params): Promise<unknown> => rpc.request(method, params, undefined),
      changes,
      refusal,
      close: () => {
        socket.close();
      },
    };
    return client;
  });

/** `json-rpc-2.0` over HTTP; the changes are polled. */
export const overHttp: Connect = async (httpUrl, { token }) => {
  const headers = { authorization: `Bearer ${token}`, 'x-device-id': 'd1' };
  const rpc: JSONRPCClient = new JSONRPCClient(async (request) => {
    const body = JSON.stringify(request);
    const answer = await fetch(`${httpUrl}/v1/rpc`, { method: 'POST', headers, body });
    rpc.receive((await answer.json()) as JSONRPCResponse);
  });
  const changes: Json[] = [];
  const ended = new AbortController();
  const { cursor } = (await rpc.request('getChanges', {})) as { cursor: string };
  const polling = (async () => {
    let since = cursor;
    while (!ended.signal.aborted) {
      const url = `${httpUrl}/v1/changes?since=${since}&waitMs=2000`;
      const found = await fetch(url, { headers, signal: ended.signal }).then((answer) => answer.json());
      const page = found as { changes: Json[]; cursor: string };
      changes.push(...page.changes);
      since = page.cursor;
    }
  })();
  polling.catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });
  return {
    call: async (method, params): Promise<unknown> => rpc.request(method, params),
    changes,
    refusal,
    close: () => {
      ended.abort();
    },
  };
};
