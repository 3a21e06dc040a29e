import { createHash } from 'node:crypto';

/**
 * The id of the group that a user asks to be made under this requestId: always the same one, so that asking again
 * cannot make a second group, whatever was lost in between (G2). 132 bits, so that no two requests share one.
 */
export function groupIdOf(creator: string, requestId: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([creator, requestId]))
    .digest('base64url');
  return `grp:${digest.slice(0, 22)}`;
}
