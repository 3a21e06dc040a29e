import { createWebSocketConnection, toSocket } from 'vscode-ws-jsonrpc';
import { opened } from './chat-script.ts';
import type { ChatClient, Connect } from './chat-script.ts';

type Json = Record<string, unknown>;

const fail = (message: string): never => {
  throw new Error(message);
};
const logger = { error: fail, warn: fail, info: fail, log: fail };

/** `vscode-ws-jsonrpc`, the JSON-RPC of language servers, on Node's own WebSocket. */
export const overVscode: Connect = (httpUrl, user) =>
  opened(httpUrl, user, async (wsUrl) => {
    const socket = new WebSocket(wsUrl, 'mailring.v1.json');
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    const connection = createWebSocketConnection(toSocket(socket), logger);
    const changes: Json[] = [];
    connection.onNotification('change', (change: Json) => void changes.push(change));
    connection.listen();
    const client: ChatClient = {
      call: (method, params) => connection.sendRequest<unknown>(method, params),
      changes,
      refusal: (error) => error as { code: number; data: Json },
      close: () => {
        connection.dispose();
        socket.close();
      },
    };
    return client;
  });
