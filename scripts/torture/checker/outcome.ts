/** A call that nobody answered may have waited in a paused node, or on a silent link, for so long. */
const unknownMs = 60_000;

/** An error that may be retried does not say that nothing happened. */
export function mayHaveHappened(outcome: { readonly kind: string; readonly retryable?: boolean }): boolean {
  return outcome.kind !== 'error' || outcome.retryable === true;
}

/** When it had happened, if it ever does: what was not answered with success may yet come. */
export function latestMs({ outcome, startMs, endMs }: Call): number {
  return outcome.kind === 'ok' ? endMs : startMs + unknownMs;
}

interface Call {
  readonly outcome: { readonly kind: string };
  readonly startMs: number;
  readonly endMs: number;
}
