/** One start of one node, as views name it. */
export interface Member {
  /** Name of the node, kept over restarts: it decides the node's places on the ring. */
  readonly nodeId: string;
  /** One start of its process: 8 random bytes as 16 hex digits, those of the row versions that it writes. */
  readonly incarnation: string;
  /** Its share of the users, relative to others: 100 for an ordinary node, 0 owns nobody; at most 1000. */
  readonly weight: number;
  /** Where clients reach it, `ws://…` or `wss://…`. */
  readonly clientUrl: string;
  /** Where other nodes reach it, `host:port`. */
  readonly peerAddress: string;
}

export const ordinaryWeight = 100;
export const weightMax = 1000;

/** What is wrong with a member, or undefined. */
export function memberProblem(member: Member): string | undefined {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(member.nodeId)) return `not a node id: ${member.nodeId}`;
  if (!/^[0-9a-f]{16}$/.test(member.incarnation)) return `not an incarnation: ${member.incarnation}`;
  const { weight } = member;
  if (!Number.isInteger(weight) || weight < 0 || weight > weightMax) return `not a weight: ${weight}`;
  if (!/^wss?:\/\/\S+$/.test(member.clientUrl)) return `not a client URL: ${member.clientUrl}`;
  if (!/^\S+:\d{1,5}$/.test(member.peerAddress)) return `not host:port: ${member.peerAddress}`;
  return undefined;
}
