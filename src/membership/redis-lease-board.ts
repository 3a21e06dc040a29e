import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import { LeaseBoardError } from './lease-board.ts';
import type { Lease, LeaseBoard, Renewal, RenewalOutcome } from './lease-board.ts';
import { leasesScript, publishScript, renewScript } from './redis-scripts.ts';

export interface RedisLeaseBoardParts {
  /** `redis://…` or `rediss://…` */
  readonly url: string;
  /** Clusters that share a Redis have different ones. */
  readonly keyPrefix?: string;
  readonly time: Time;
  /** 0 ≤ x < 1, for the spread of reconnects. */
  readonly random: () => number;
  /** Leases of nodes that are gone vanish after this. */
  readonly leaseExpiryMs?: number;
  /** A connection was lost or could not be made, or news could not be asked for; it is tried again. */
  readonly onTrouble: (error: unknown) => void;
}

const defaultLeaseExpiryMs = 600_000;
const connectTimeoutMs = 2_000;
/** A Redis that does not answer a command within this is hung up on. */
const silenceMaxMs = 5_000;
const reconnectFirstMs = 50;
/** Well below the time after which a node without signs of life is removed. */
const reconnectMaxMs = 2_000;

/**
 * The board in Redis: one connection for commands, one for news. Nothing waits for a connection: without one a
 * command fails at once, and every command has its deadline. A renewal given up may still arrive; it is true
 * all the same.
 */
export class RedisLeaseBoard implements LeaseBoard {
  readonly #time: Time;
  readonly #leaseExpiryMs: number;
  readonly #ringKey: string;
  readonly #leaseKeyPrefix: string;
  readonly #channel: string;
  readonly #commands: Redis;
  readonly #news: Redis;
  readonly #listeners = new Set<(epoch: number) => void>();

  constructor(parts: RedisLeaseBoardParts) {
    this.#time = parts.time;
    this.#leaseExpiryMs = parts.leaseExpiryMs ?? defaultLeaseExpiryMs;
    // The braces keep all keys on one node of a Redis Cluster, as scripts need it.
    const prefix = `{${parts.keyPrefix ?? 'mailring'}}`;
    this.#ringKey = `${prefix}:ring`;
    this.#leaseKeyPrefix = `${prefix}:lease:`;
    this.#channel = `${prefix}:news`;
    const options = connectionOptions(parts.random);
    this.#commands = new Redis(parts.url, options);
    this.#news = new Redis(parts.url, options);
    const onTrouble = (error: unknown): void => {
      parts.onTrouble(withoutCommand(error));
    };
    this.#commands.on('error', onTrouble);
    this.#news.on('error', onTrouble);
    this.#news.on('ready', () => {
      this.#news.subscribe(this.#channel).catch(onTrouble);
    });
    this.#news.on('message', (_channel: string, message: string) => {
      const epoch = Number(message);
      if (Number.isSafeInteger(epoch)) for (const heard of this.#listeners) heard(epoch);
    });
  }

  async renew(renewal: Renewal, deadline: number): Promise<RenewalOutcome> {
    const { nodeId, incarnation, adoptedEpoch, isConfirmed } = renewal;
    const reply = await this.#within(deadline, () =>
      this.#commands.eval(
        ...[renewScript, 2, this.#ringKey, this.#leaseKeyPrefix + nodeId],
        ...[incarnation, adoptedEpoch, renewal.count, isConfirmed ? '1' : '0'],
        ...[this.#leaseExpiryMs, this.#channel],
      ),
    );
    const [isRenewed, publishedEpoch] = list(reply);
    return isRenewed === 1 ? { kind: 'renewed' } : { kind: 'refused', publishedEpoch: count(publishedEpoch) };
  }

  async leases(nodeIds: readonly string[], deadline: number): Promise<readonly (Lease | undefined)[]> {
    if (nodeIds.length === 0) return [];
    const keys = nodeIds.map((nodeId) => this.#leaseKeyPrefix + nodeId);
    const reply = await this.#within(deadline, () => this.#commands.eval(leasesScript, keys.length, ...keys));
    return list(reply).map((lease) => {
      const [incarnation, renewals, epoch] = list(lease);
      if (typeof incarnation !== 'string') return undefined;
      return { incarnation, count: count(renewals), adoptedEpoch: count(epoch) };
    });
  }

  async publish(epoch: number, document: Buffer, deadline: number): Promise<void> {
    await this.#within(deadline, () =>
      this.#commands.eval(publishScript, 1, this.#ringKey, epoch, document, this.#channel),
    );
  }

  async published(deadline: number): Promise<Buffer | undefined> {
    const document = await this.#within(deadline, () => this.#commands.hgetBuffer(this.#ringKey, 'document'));
    return document ?? undefined;
  }

  subscribe(heard: (epoch: number) => void): Cancel {
    this.#listeners.add(heard);
    return () => {
      this.#listeners.delete(heard);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#commands.disconnect();
    this.#news.disconnect();
  }

  /** Whatever goes wrong with a command, or its deadline passing, is a LeaseBoardError. */
  #within<T>(deadline: number, command: () => Promise<T>): Promise<T> {
    const leftMs = deadline - this.#time.monotonicMs();
    const late = (): LeaseBoardError => new LeaseBoardError('unavailable', 'Redis did not answer in time');
    if (leftMs <= 0) return Promise.reject(late());
    return new Promise((resolve, reject) => {
      const cancel = this.#time.after(leftMs, () => {
        reject(late());
      });
      command().then(
        (reply) => {
          cancel();
          resolve(reply);
        },
        (error: unknown) => {
          cancel();
          const cause = withoutCommand(error);
          const message = cause instanceof Error ? cause.message : String(cause);
          reject(new LeaseBoardError('unavailable', `Redis: ${message}`, { cause }));
        },
      );
    });
  }
}

function connectionOptions(random: () => number) {
  return {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMaxMs,
    keepAlive: silenceMaxMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) =>
      backoffDelayMs({ baseMs: reconnectFirstMs, maxMs: reconnectMaxMs }, times, random),
    // A demoted master answers like this: ask again who is the master now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

/** The client notes on an error the command that Redis refused: that of a log-in has the password. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  return error;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new LeaseBoardError('corrupt', 'Redis: expected an array');
  return value;
}

function count(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new LeaseBoardError('corrupt', 'Redis: expected a count');
  return number;
}
