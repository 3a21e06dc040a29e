import type { Put } from '../../src/hbase/mutate-request.ts';
import { ChaosWorker } from './chaos-worker.ts';
import type { WorkerParts } from './chaos-worker.ts';
import { family, putRow, valueQualifier } from './chaos-table.ts';
import type { PutRecord } from './write-ledger.ts';

const batchShare = 0.2;
const batchRowsMax = 8;

/** Writes rows of its own, each once: mostly one by one, sometimes some in a batch. */
export class PutWriter extends ChaosWorker {
  readonly #slice: string;
  readonly #name: string;
  #count = 0;

  constructor(parts: WorkerParts, slice: string, name: string) {
    super(parts);
    this.#slice = slice;
    this.#name = name;
  }

  async step(): Promise<void> {
    if (this.parts.random.chance(batchShare))
      await this.#batch(2 + this.parts.random.below(batchRowsMax - 1));
    else await this.#single();
  }

  async #single(): Promise<void> {
    const { client, table, watch, ledger } = this.parts;
    const record = this.#next(true);
    const deadline = this.drawDeadline();
    const result = await watch.write({ slice: this.#slice, what: 'put' }, deadline, () =>
      client.put(table, putOf(record), deadline).then(() => true),
    );
    if (result.kind === 'ok') ledger.acked(record);
    else record.fate = result.error.code === 'unknown_fate' ? 'unknown' : 'failed';
  }

  async #batch(size: number): Promise<void> {
    const { client, table, watch, ledger } = this.parts;
    const records = Array.from({ length: size }, () => this.#next(false));
    const deadline = this.drawDeadline();
    const result = await watch.write({ slice: this.#slice, what: 'putAll' }, deadline, () =>
      client.putAll(table, records.map(putOf), deadline).then(() => true),
    );
    for (const record of records) {
      if (result.kind === 'ok') ledger.acked(record);
      else record.fate = 'unknown'; // one of them failed: that says nothing about the others
    }
  }

  #next(single: boolean): PutRecord {
    const row = putRow(this.#slice, this.#name, this.#count++);
    return this.parts.ledger.put(row, `${row}#${this.parts.random.below(1_000_000)}`, single);
  }
}

function putOf({ row, value }: PutRecord): Put {
  return {
    row: Buffer.from(row),
    cells: [{ family, qualifier: valueQualifier, value: Buffer.from(value) }],
  };
}
