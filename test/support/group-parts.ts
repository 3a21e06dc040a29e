import type { EntityRegistry } from '../../src/actor/entity-registry.ts';
import type { FanOutTiming, FollowTiming, MemberPort } from '../../src/actor/group-host.ts';
import { LocalMembers } from '../../src/actor/local-members.ts';
import type { GroupPort } from '../../src/actor/mailbox-host.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import type { Time } from '../../src/std/time.ts';
import type { GroupLimits } from '../../src/group/group-state.ts';

export const ordinaryGroupLimits: GroupLimits = {
  membersMax: 1_000,
  membersPerCallMax: 1_000,
  fanOutMembersMax: 500,
  pendingMax: 10_000,
  dedupWindowMs: 86_400_000,
  receiptMembersMax: 100,
};

export const ordinaryFanOutTiming: FanOutTiming = {
  retryFirstMs: 100,
  retryMaxMs: 10_000,
  clearAfterMs: 10_000,
  enrolmentWaitMs: 2_000,
  roundMs: 8_000,
  receiptAfterMs: 300,
};

export const ordinaryFollowTiming: FollowTiming = {
  ...{ renewMs: 20_000, lastsMs: 60_000, retryFirstMs: 100, retryMaxMs: 5_000, askMs: 5_000 },
};

/** Groups and mailboxes of one registry reach each other at once. */
export function localGroups(
  registry: () => EntityRegistry,
  time: Time,
  alarm: (error: unknown, what: string) => void,
): { groups: GroupPort; members: MemberPort } {
  const local = (): LocalMembers => new LocalMembers(registry(), time, alarm);
  return {
    groups: {
      news: (groupId, userId, known, deadline) => registry().group(groupId).news(userId, known, deadline),
      mark: (groupId, userId, marks, deadline) => registry().group(groupId).mark(userId, marks, deadline),
      newsOfAll: async (userId, known, deadline) => {
        const asked = [...known].map(async ([groupId, told]) => {
          return registry().group(groupId).news(userId, told, deadline);
        });
        const answers = await Promise.allSettled(asked);
        return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      },
      subscribe: (groupId, deadline) => registry().group(groupId).subscribe('n1', deadline),
      range: (groupId, userId, bounds, deadline) => registry().group(groupId).range(userId, bounds, deadline),
    },
    members: {
      nodeOf: () => 'n1',
      tell: (_nodeId, circular, deadline) => local().tell(circular, deadline),
      announce: (_nodeId, { bulletin, except }) => registry().followers.announce(bulletin, except),
      cards: (groupId, asked, deadline) => local().cards(groupId, asked, deadline),
    },
  };
}

/** For stand-ins of mailboxes that are in no group. */
export function noGroup(): Promise<never> {
  return Promise.reject(new ProtocolError('not_found', 'no such conversation'));
}
