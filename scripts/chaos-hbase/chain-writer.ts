import { setTimeout as delay } from 'node:timers/promises';
import type { HBaseError } from '../../src/hbase/hbase-error.ts';
import type { Condition, PutCell } from '../../src/hbase/mutate-request.ts';
import { ChaosWorker } from './chaos-worker.ts';
import type { WorkerParts } from './chaos-worker.ts';
import { family, historyQualifier, valueQualifier } from './chaos-table.ts';
import type { ChainAttempt } from './write-ledger.ts';

/** The newest version of a chain row. */
export interface ChainHead {
  readonly version: number;
  readonly nonce: string;
}

const emptyHead: ChainHead = { version: 0, nonce: '' };
const retryPauseMs = { first: 10, max: 500 };

export function headText({ version, nonce }: ChainHead): string {
  return `${version}:${nonce}`;
}

/** @throws RangeError where the text is no head */
export function parseHead(text: string): ChainHead {
  const match = /^(\d+):(.+)$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) throw new RangeError(`not a head: ${text}`);
  return { version: Number(match[1]), nonce: match[2] };
}

/** What a version's history cell holds: who wrote it, on top of whom. */
export function historyText(base: string, nonce: string): string {
  return `${base}>${nonce}`;
}

/**
 * Raises the version of a row, again and again, each time on the condition that the one before still stands.
 * What the client cannot tell is settled as in the store: further tries on the same base, each with a nonce of its own,
 * so that at most one can win, and a look at who won where one was refused.
 */
export class ChainWriter extends ChaosWorker {
  readonly #slice: string;
  readonly #row: string;
  readonly #name: string;
  /** A row of this writer alone is not read again while its head is known. */
  readonly #shared: boolean;
  #head: ChainHead | undefined;
  #nonces = 0;

  constructor(
    parts: WorkerParts,
    place: { readonly slice: string; readonly row: string; readonly name: string; readonly shared: boolean },
  ) {
    super(parts);
    this.#slice = place.slice;
    this.#row = place.row;
    this.#name = place.name;
    this.#shared = place.shared;
  }

  async step(): Promise<void> {
    const deadline = this.drawDeadline();
    const head = this.#head ?? (await this.#readHead(deadline));
    this.#head = undefined;
    if (head === undefined) return;
    const written = await this.#advance(head, deadline);
    if (!this.#shared) this.#head = written;
  }

  /** @returns the head that it wrote, if it surely did */
  async #advance(head: ChainHead, deadline: number): Promise<ChainHead | undefined> {
    const { ledger, time } = this.parts;
    const inDoubt: ChainAttempt[] = [];
    for (let pauseMs = retryPauseMs.first; ; pauseMs = Math.min(pauseMs * 2, retryPauseMs.max)) {
      const attempt = ledger.attempt({
        row: this.#row,
        version: head.version + 1,
        base: head.nonce,
        nonce: `${this.#name}.${this.#nonces++}`,
      });
      const result = await this.#send(attempt, head, deadline);
      if (result === true) {
        ledger.won(attempt, 'won');
        for (const doubted of inDoubt) doubted.fate = 'resolvedLost';
        return attempt;
      }
      if (result === false) {
        attempt.fate = 'lost';
        return inDoubt.length === 0 ? undefined : this.#settle(inDoubt, attempt.version, deadline);
      }
      attempt.fate = result.code === 'unknown_fate' ? 'unknown' : 'failed';
      if (attempt.fate === 'unknown') inDoubt.push(attempt);
      else if (!result.retryable) return undefined;
      if (time.monotonicMs() + pauseMs >= deadline) return undefined;
      await delay(pauseMs);
    }
  }

  async #send(attempt: ChainAttempt, head: ChainHead, deadline: number): Promise<boolean | HBaseError> {
    const { client, table, watch } = this.parts;
    const row = Buffer.from(this.#row);
    const cells: PutCell[] = [
      { family, qualifier: valueQualifier, value: Buffer.from(headText(attempt)) },
      {
        family,
        qualifier: historyQualifier(attempt.version),
        value: Buffer.from(historyText(attempt.base, attempt.nonce)),
      },
    ];
    const condition: Condition = {
      family,
      qualifier: valueQualifier,
      expected: head.version === 0 ? undefined : Buffer.from(headText(head)),
    };
    const multi = this.parts.random.chance(0.25);
    const what = multi ? 'checkAndMutate' : 'checkAndPut';
    const result = await watch.write({ slice: this.#slice, what }, deadline, () =>
      multi
        ? client.checkAndMutate(table, { row, put: cells }, condition, deadline)
        : client.checkAndPut(table, { row, cells }, condition, deadline),
    );
    return result.kind === 'ok' ? result.value : result.error;
  }

  /** The row has left the base, so none of the tries is on its way any more: was it one of them that won? */
  async #settle(
    inDoubt: readonly ChainAttempt[],
    version: number,
    deadline: number,
  ): Promise<ChainHead | undefined> {
    const text = await this.#readCell(historyQualifier(version), deadline);
    if (text === undefined || text === '') return undefined;
    let won: ChainHead | undefined;
    for (const attempt of inDoubt) {
      if (historyText(attempt.base, attempt.nonce) === text) {
        this.parts.ledger.won(attempt, 'resolvedWon');
        won = attempt;
      } else {
        attempt.fate = 'resolvedLost';
      }
    }
    return won;
  }

  async #readHead(deadline: number): Promise<ChainHead | undefined> {
    const floor = this.parts.ledger.floorOf(this.#row);
    const text = await this.#readCell(valueQualifier, deadline);
    if (text === undefined) return undefined;
    const head = text === '' ? emptyHead : parseHead(text);
    if (head.version < floor) {
      const what = `version ${head.version} of ${this.#row} was read after ${floor} had been acknowledged`;
      this.parts.violations.add('R1', what);
    }
    return head;
  }

  /** @returns empty where there is no such cell, undefined where it cannot be read */
  async #readCell(qualifier: Buffer, deadline: number): Promise<string | undefined> {
    const { client, table, watch } = this.parts;
    const get = { row: Buffer.from(this.#row), columns: [{ family, qualifiers: [qualifier] }] };
    const result = await watch.read({ slice: this.#slice, what: 'get' }, deadline, () =>
      client.get(table, get, deadline),
    );
    return result.kind === 'ok' ? (result.value[0]?.value.toString() ?? '') : undefined;
  }
}
