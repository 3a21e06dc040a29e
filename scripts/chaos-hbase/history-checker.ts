import type { ViolationList } from '../replay/violation-list.ts';
import { headText, historyText } from './chain-writer.ts';
import type { ChainImage, PutImage, TableImage } from './table-image.ts';
import type { ChainAttempt, PutRecord, WriteLedger } from './write-ledger.ts';

/**
 * Compares what was said about the writes with what is in the table once all is quiet.
 *
 * - W1 an acknowledged put is there once, with its value
 * - W2 a put that definitely failed is not there
 * - W3 nothing is there that nobody wrote
 * - W4 a single put was applied once
 * - C1 the versions of a chain are 1, 2, 3 … up to its head, each on top of the one before
 * - C2 each version has the one winner that was reported for it
 * - C3 a try that was answered `false`, or that definitely failed, did not take effect; and `false` was only
 *   answered where the row had left the base of the try
 * - C4 what was in doubt and was settled, was settled rightly
 */
export function checkHistory(ledger: WriteLedger, image: TableImage, violations: ViolationList): void {
  for (const row of image.strange) violations.add('W3', `row ${row} is of no kind that was written`);
  for (const record of ledger.puts.values()) checkPut(record, image.puts.get(record.row), violations);
  for (const row of image.puts.keys()) {
    if (!ledger.puts.has(row)) violations.add('W3', `nobody wrote the put ${row}`);
  }
  const attemptsOf = Map.groupBy(ledger.attempts, ({ row }) => row);
  for (const row of image.chains.keys()) {
    if (!attemptsOf.has(row)) violations.add('W3', `nobody wrote the chain ${row}`);
  }
  for (const [row, attempts] of attemptsOf) {
    checkChain(row, attempts, image.chains.get(row) ?? { head: '', history: new Map() }, violations);
  }
}

function checkPut(record: PutRecord, found: PutImage | undefined, violations: ViolationList): void {
  const { row, value, fate, single } = record;
  if (found === undefined) {
    if (fate === 'acked') violations.add('W1', `the acknowledged put ${row} is not there`);
    return;
  }
  if (fate === 'failed') violations.add('W2', `the put ${row} is there, though it was reported as failed`);
  if (found.times !== 1) violations.add('W1', `the put ${row} is there ${found.times} times`);
  if (found.value !== value) violations.add('W1', `the put ${row} has ${found.value}, not ${value}`);
  if (single && found.written !== undefined && found.written !== 1)
    violations.add('W4', `the put ${row} was written ${found.written} times`);
}

function checkChain(
  row: string,
  attempts: readonly ChainAttempt[],
  image: ChainImage,
  violations: ViolationList,
): void {
  const { history } = image;
  checkLinks(row, image, violations);
  const winners = new Map<number, ChainAttempt>();
  const known = new Set<string>();
  for (const attempt of attempts) {
    const stands = history.get(attempt.version) === historyText(attempt.base, attempt.nonce);
    if (stands) known.add(historyText(attempt.base, attempt.nonce));
    checkAttempt(attempt, stands, history, violations);
    if (attempt.fate !== 'won' && attempt.fate !== 'resolvedWon') continue;
    const other = winners.get(attempt.version);
    if (other) {
      violations.add('C2', `${row}: ${other.nonce} and ${attempt.nonce} both won version ${attempt.version}`);
    }
    winners.set(attempt.version, attempt);
  }
  for (const [version, text] of history) {
    if (!known.has(text)) violations.add('W3', `${row}: nobody tried to write version ${version}, ${text}`);
  }
}

function checkLinks(row: string, { head, history }: ChainImage, violations: ViolationList): void {
  let base = '';
  for (let version = 1; version <= history.size; version++) {
    const text = history.get(version);
    if (text === undefined) {
      violations.add('C1', `${row}: version ${version} is missing, though later ones are there`);
      return;
    }
    const [onTopOf, nonce = ''] = text.split('>');
    if (onTopOf !== base) {
      violations.add('C1', `${row}: version ${version} stands on ${String(onTopOf)}, not on ${base}`);
    }
    base = nonce;
  }
  const wanted = history.size === 0 ? '' : headText({ version: history.size, nonce: base });
  if (head !== wanted) violations.add('C1', `${row}: the head is ${head}, the last version ${wanted}`);
}

function checkAttempt(
  { row, version, nonce, fate }: ChainAttempt,
  stands: boolean,
  history: ReadonlyMap<number, string>,
  violations: ViolationList,
): void {
  const what = `${row}: ${nonce} for version ${version}`;
  switch (fate) {
    case 'won':
      if (!stands) violations.add('C2', `${what} was reported as written, but is not there`);
      return;
    case 'lost':
      if (stands) violations.add('C3', `${what} is there, though its condition was said not to hold`);
      if (!history.has(version)) violations.add('C3', `${what} was refused, but its base still stands`);
      return;
    case 'failed':
      if (stands) violations.add('C3', `${what} is there, though it was reported as failed`);
      return;
    case 'resolvedWon':
      if (!stands) violations.add('C4', `${what} was in doubt and taken for written, but is not there`);
      return;
    case 'resolvedLost':
      if (stands) violations.add('C4', `${what} was in doubt and taken for lost, but is there`);
      return;
    case 'unknown':
    case 'pending':
      return; // either way is right
  }
}
