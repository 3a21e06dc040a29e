import type { Settings } from './settings.ts';

const loopback = /^(127[.\d]+|localhost|\[::1\]):/;
const everyInterface = /^(0\.0\.0\.0|\[::\]):/;

/** Defaults that are good for trying out and dangerous in production; empty in development. */
export function productionProblems(settings: Settings): string[] {
  if (settings.mode !== 'production') return [];
  const problems: string[] = [];
  const refuse = (when: boolean, problem: string): void => {
    if (when) problems.push(`${problem} (mode production)`);
  };
  refuse(
    settings.store.kind === 'memory',
    'store.kind: memory forgets every message, expected hbase or lmdb',
  );
  refuse(
    settings.clusterSecretFile === undefined,
    'clusterSecretFile: expected a path; without a secret anybody can pose as a node',
  );
  refuse(
    settings.auth.signingKeyFile === undefined && settings.auth.issuer === undefined,
    'auth.signingKeyFile: expected a path; a key made by the node itself is unknown to other nodes and lost with its disk',
  );
  refuse(
    settings.auth.jwksUrl?.startsWith('http:') === true,
    'auth.jwksUrl: expected https://…; who can change the answer on its way can pose as any user',
  );
  refuse(
    settings.operatorTokenFile === undefined,
    'operatorTokenFile: expected a path; operators cannot know a token that the node made by itself',
  );
  refuse(
    settings.push.url?.startsWith('http:') === true,
    'push.url: expected https://…; it carries the beginnings of messages',
  );
  refuse(
    settings.advertise === undefined && everyInterface.test(settings.listen),
    `advertise: expected ws://… or wss://…; no client can be sent to ${settings.listen}`,
  );
  refuse(
    everyInterface.test(settings.peer),
    `peer: expected an address of this machine; other nodes dial what stands here, and ${settings.peer} is themselves`,
  );
  refuse(
    settings.store.kind === 'hbase' && settings.redis === undefined,
    'redis: expected redis://…; nodes that share HBase need it to know of each other',
  );
  return problems;
}

/** What production accepts and an operator had better think about, for the log; empty in development. */
export function productionWarnings({ mode, peer, peerTls }: Settings): string[] {
  const isInTheOpen = peerTls.certFile === undefined && !loopback.test(peer);
  return mode === 'production' && isInTheOpen
    ? ['peerTls is not set: who can reach into the network of the nodes can read and change what they say']
    : [];
}
