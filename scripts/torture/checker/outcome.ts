/** An error that may be retried does not say that nothing happened. */
export function mayHaveHappened(outcome: { readonly kind: string; readonly retryable?: boolean }): boolean {
  return outcome.kind !== 'error' || outcome.retryable === true;
}
