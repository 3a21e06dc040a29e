import type { CallOf, History } from '../history.ts';

/** A connection that began to tell of the feed, however: a session, an event stream, a chain of polls. */
export type Opening = CallOf<'session.open'> | CallOf<'GET /v1/events'> | CallOf<'GET /v1/changes'>;

/** Those that succeeded, in the order of time. */
export function openingsOf(history: History): readonly (Opening & { readonly cursor: string })[] {
  const all: readonly Opening[] = [
    ...history.callsOf('session.open'),
    ...history.callsOf('GET /v1/events'),
    ...history.callsOf('GET /v1/changes'),
  ];
  return all
    .flatMap((call) => (call.outcome.kind === 'ok' ? [{ ...call, cursor: call.outcome.result.cursor }] : []))
    .toSorted((a, b) => a.startMs - b.startMs);
}
