import type { Settings } from './settings.ts';

/** The store forgets dedup entries after this time (the TTL of the family), so ids must be refused before. */
const dedupKeptMs = 26 * 3_600_000;

/** JSON may write one byte of text as `\\u0001`. */
const jsonEscapeMax = 6;
/** Everything in a `sendMessage` but its text: ids, and a mediaRef of up to 1 KiB. */
const callOverheadBytes = 4096;

/** What is wrong with settings that are each fine on their own; empty when they fit together. */
export function coherenceProblems(settings: Settings): string[] {
  const { commit, store, request, limits, dedup, session, hbase, auth, push, peerTls } = settings;
  const problems: string[] = [];
  const demand = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  demand(
    store.deadlineMs <= commit.deadlineMs && commit.deadlineMs <= request.deadlineMs,
    'store.deadlineMs ≤ commit.deadlineMs ≤ request.deadlineMs: what waits may not give up before what it waits for',
  );
  demand(
    limits.textBytesMax * jsonEscapeMax + callOverheadBytes <= limits.frameBytesMax,
    'limits.frameBytesMax: expected at least 4KiB + 6 * limits.textBytesMax, or a text that is allowed does not fit a frame',
  );
  demand(
    limits.frameBytesMax <= commit.bytesMax,
    'commit.bytesMax: expected at least limits.frameBytesMax, or an input that is allowed does not fit a commit',
  );
  demand(
    limits.frameBytesMax <= session.writeBufferBytesMax,
    'session.writeBufferBytesMax: expected at least limits.frameBytesMax',
  );
  demand(
    dedup.windowMs + dedup.aheadMs <= dedupKeptMs,
    'dedup.windowMs + dedup.aheadMs: expected at most 26h together, the time for which the store keeps the ids',
  );
  demand(
    store.kind !== 'hbase' || hbase.servers.length > 0,
    'hbase.servers: expected at least one host:port with store.kind hbase (--hbase)',
  );
  demand(
    (auth.issuer === undefined) === (auth.jwksUrl === undefined),
    'auth.issuer and auth.jwksUrl: expected both or neither; an external issuer has a name and keys',
  );
  demand(
    (push.url === undefined) === (push.secretFile === undefined),
    'push.url and push.secretFile: expected both or neither; requests to the receiver are signed',
  );
  const { certFile, keyFile, caFile } = peerTls;
  const missing = Object.entries({ certFile, keyFile, caFile }).filter(([, path]) => path === undefined);
  demand(
    missing.length === 0 || missing.length === 3,
    `${missing.map(([name]) => `peerTls.${name}`).join(' and ')}: expected with the others of peerTls; both ends of a ` +
      'link show a certificate and check that of the other',
  );
  return problems;
}
