import { StoreError } from '../row/row-store.ts';

/** What the library says of a transaction that failed: the reason comes in a second promise. */
interface CommitFailure extends Error {
  readonly commitError: Promise<never>;
}

function isCommitFailure(error: unknown): error is CommitFailure {
  return error instanceof Error && 'commitError' in error && error.commitError instanceof Promise;
}

async function reasonOf(error: unknown): Promise<string> {
  if (!isCommitFailure(error)) return error instanceof Error ? error.message : String(error);
  try {
    return await error.commitError;
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
}

/**
 * A failed transaction is over: nothing of it is on its way. `undone`: a row that it would have moved is still
 * where it was, so none of it was applied.
 */
export async function transactionFailure(error: unknown, undone: boolean): Promise<StoreError> {
  const reason = await reasonOf(error);
  if (!undone) {
    return new StoreError('unknown_fate', `the disk did not confirm a commit: ${reason}`, { cause: error });
  }
  const advice = 'is the disk full, or failing? Free some space, or move the store';
  return new StoreError('unavailable', `the embedded store could not write: ${reason}; ${advice}`, {
    cause: error,
  });
}
