import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { register } from './loopback-http.ts';

const users = 16;
const pauseMs = 40;

interface Bystander {
  readonly userId: string;
  readonly peer: string;
  readonly socket: WebSocket;
  readonly waiting: Map<number, (failed: boolean) => void>;
}

/** What those who behave saw for a while. */
export interface Seen {
  readonly sent: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Users in pairs that chat at a steady pace, one message in flight each, as people and their apps do. */
export class Bystanders {
  readonly #people: readonly Bystander[];
  #messages = 0;

  private constructor(people: readonly Bystander[]) {
    this.#people = people;
  }

  static async connect(httpUrl: string): Promise<Bystanders> {
    const people: Bystander[] = [];
    for (let index = 0; index < users; index++) {
      const userId = `calm-${index}`;
      const token = await register(httpUrl, userId);
      const socket = new WebSocket(`${httpUrl.replace('http', 'ws')}/v1/ws`);
      const one: Bystander = { userId, peer: `calm-${index ^ 1}`, socket, waiting: new Map() };
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.on('message', (data: Buffer) => {
        const { id, error } = JSON.parse(data.toString()) as { id?: number; error?: unknown };
        if (id !== undefined) one.waiting.get(id)?.(error !== undefined);
      });
      const params = { token, deviceId: 'd1' };
      const opened = new Promise<boolean>((resolve) => one.waiting.set(0, resolve));
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'session.open', params }));
      if (await opened) throw new Error('a session was not opened');
      people.push(one);
    }
    return new Bystanders(people);
  }

  /** Chats for as long and tells how that went. */
  async chat(goesOn: () => boolean): Promise<Seen> {
    const latencies: number[] = [];
    let failed = 0;
    await Promise.all(
      this.#people.map(async (one, index) => {
        await sleep((pauseMs * index) / users);
        while (goesOn()) {
          const startedMs = performance.now();
          if (await this.#send(one)) failed += 1;
          else latencies.push(performance.now() - startedMs);
          await sleep(pauseMs);
        }
      }),
    );
    latencies.sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round((latencies[Math.floor(latencies.length * share)] ?? 0) * 100) / 100;
    return { sent: latencies.length, failed, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  close(): void {
    for (const { socket } of this.#people) socket.terminate();
  }

  /** True where it failed, or was not answered in time. */
  #send({ userId, peer, socket, waiting }: Bystander): Promise<boolean> {
    const id = ++this.#messages;
    const messageId = `${Date.now()}.${userId}.d1.${id}`;
    const params = { to: peer, text: 'how are you', messageId };
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(true);
      }, 15_000);
      waiting.set(id, (isFailed) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(isFailed);
      });
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'sendMessage', params }));
    });
  }
}
