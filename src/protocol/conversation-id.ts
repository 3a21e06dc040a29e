const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** True for what may be a `userId` or `deviceId`. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** `dm:<a>:<b>`, the two user ids in ascending byte order (ids are ASCII, so string order is byte order). */
export function dmIdOf(userA: string, userB: string): string {
  return userA < userB ? `dm:${userA}:${userB}` : `dm:${userB}:${userA}`;
}

/** True for what has the shape of a group's id; `grp:` and an id made by the server. */
export function isGroupId(conversationId: string): boolean {
  return namesGroup(conversationId) && isId(conversationId.slice(4));
}

/** The same of an id that is known to be well formed. */
export function namesGroup(conversationId: string): boolean {
  return conversationId.startsWith('grp:');
}

/** The other member of a dm, or undefined where the id is no dm of this user's. */
export function peerInDm(conversationId: string, userId: string): string | undefined {
  if (!conversationId.startsWith('dm:')) return undefined;
  const parts = conversationId.split(':');
  const [, low, high] = parts;
  if (parts.length !== 3 || low === undefined || high === undefined) return undefined;
  if (!isId(low) || !isId(high) || low >= high) return undefined;
  if (low === userId) return high;
  return high === userId ? low : undefined;
}

/**
 * Which of the two members sent: 0 for the lower id, 1 for the higher. In a dm `seq = 2 * stamp + side`,
 * so two stamps given at once by the two sides still make two different seqs.
 */
export function sideOf(senderId: string, otherId: string): 0 | 1 {
  return senderId < otherId ? 0 : 1;
}
