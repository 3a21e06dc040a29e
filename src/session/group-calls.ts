import { isGroupId } from '../protocol/conversation-id.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { call } from './call-table.ts';
import type { Call } from './call-table.ts';
import { wellFormed } from './outgoing-message.ts';

/** Why this is no group that anybody can be in. */
function refuseOther(conversationId: string): Refusal | undefined {
  return isGroupId(conversationId) ? undefined : refusal('not_found', 'no such group');
}

/** Members who are named, and so looked up, for one unit of the rate. */
const namedPerUnit = 10;

function byNames(added: Call): Call {
  const surcharge = (params: object): number =>
    'members' in params && Array.isArray(params.members) ? params.members.length / namedPerUnit : 0;
  return { ...added, surcharge };
}

/** The calls of the protocol that are about groups and their members. */
export function groupCalls(): readonly Call[] {
  return [
    byNames(
      call('write', 'createGroup', ({ mailbox }, params, deadline) => {
        const { members, history = 'all' } = params;
        // The id is made of it: what is written has to be what comes back.
        const [name, requestId] = [wellFormed(params.name), wellFormed(params.requestId)];
        return mailbox.createGroup({ name, members, requestId, history }, deadline);
      }),
    ),

    byNames(
      call(
        'write',
        'addMembers',
        ({ mailbox }, { conversationId, members }, deadline) =>
          refuseOther(conversationId) ??
          mailbox.callGroup(conversationId, 'addMembers', { conversationId, members }, deadline),
      ),
    ),

    call(
      'write',
      'removeMembers',
      ({ mailbox }, { conversationId, members }, deadline) =>
        refuseOther(conversationId) ??
        mailbox.callGroup(conversationId, 'removeMembers', { conversationId, members }, deadline),
    ),

    call(
      'write',
      'leaveGroup',
      ({ mailbox }, { conversationId }, deadline) =>
        refuseOther(conversationId) ??
        mailbox.callGroup(conversationId, 'leaveGroup', { conversationId }, deadline),
    ),

    call(
      'write',
      'renameGroup',
      ({ mailbox }, { conversationId, name }, deadline) =>
        refuseOther(conversationId) ??
        mailbox.callGroup(
          conversationId,
          'renameGroup',
          { conversationId, name: wellFormed(name) },
          deadline,
        ),
    ),

    call(
      'write',
      'setRole',
      ({ mailbox }, { conversationId, userId, role }, deadline) =>
        refuseOther(conversationId) ??
        mailbox.callGroup(conversationId, 'setRole', { conversationId, userId, role }, deadline),
    ),

    call('read', 'getMembers', ({ mailbox }, params, deadline) => {
      const { conversationId, limit = 50, offset = 0 } = params;
      return (
        refuseOther(conversationId) ??
        mailbox.callGroup(conversationId, 'getMembers', { conversationId, limit, offset }, deadline)
      );
    }),
  ];
}
