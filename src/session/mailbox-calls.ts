import type { GetMessagesParams, GetMessagesResult } from '../protocol/calls.ts';
import { isGroupId } from '../protocol/conversation-id.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import { call } from './call-table.ts';
import type { Call, Caller } from './call-table.ts';
import { companyCalls } from './company-calls.ts';
import { deviceCalls } from './device-calls.ts';
import { groupCalls } from './group-calls.ts';
import { peopleCalls } from './people-calls.ts';
import { editedText, outgoingChange, outgoingMessage, ownConversation } from './outgoing-message.ts';
import type { MessageLimits } from './outgoing-message.ts';

function mark(name: 'markDelivered' | 'markRead'): Call {
  return call('write', name, (caller, { seq, ...params }, deadline) => {
    const conversationId = ownConversation(caller, params.conversationId);
    if (typeof conversationId !== 'string') return conversationId;
    return caller.mailbox.call(name, { conversationId, seq }, deadline);
  });
}

/** Messages of a group are in the group's row. */
function getMessages(
  { mailbox }: Caller,
  params: GetMessagesParams,
  deadline: number,
): Promise<GetMessagesResult> {
  const { conversationId } = params;
  return isGroupId(conversationId)
    ? mailbox.callGroup(conversationId, 'getMessages', params, deadline)
    : mailbox.call('getMessages', params, deadline);
}

/** The calls of the protocol, by name. A call that is not in here is `method_not_found`. */
export function mailboxCalls(limits: MessageLimits, time: Time): ReadonlyMap<string, Call> {
  const calls = [
    call('write', 'sendMessage', (caller, params, deadline) => {
      const message = outgoingMessage(caller, params, limits, time.wallMs());
      if ('kind' in message) return message;
      const { conversationId } = message;
      return isGroupId(conversationId)
        ? caller.mailbox.callGroup(conversationId, 'sendMessage', message, deadline)
        : caller.mailbox.call('sendMessage', message, deadline);
    }),

    call('read', 'getMessages', (caller, params, deadline) => {
      const { limit = 50, offset = 0, before, after } = params;
      const conversationId = ownConversation(caller, params.conversationId);
      if (typeof conversationId !== 'string') return conversationId;
      const bounds = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
      if (before === undefined && after === undefined) {
        return getMessages(caller, { conversationId, limit, offset }, deadline);
      }
      if (offset > 0) {
        return refusal('invalid_params', 'offset goes without before and after', { path: 'offset' });
      }
      return getMessages(caller, { conversationId, limit, ...bounds }, deadline);
    }),

    call('read', 'getConversations', (caller, params, deadline) => {
      const { limit = 30, offset = 0, since } = params;
      const window = since === undefined ? { limit, offset } : { limit, offset, since };
      return caller.mailbox.call('getConversations', window, deadline);
    }),

    call('read', 'getChanges', (caller, { since, limit = 500 }, deadline) =>
      caller.mailbox.call('getChanges', since === undefined ? { limit } : { since, limit }, deadline),
    ),

    call('write', 'editMessage', (caller, params, deadline) => {
      const change = outgoingChange(caller, params, limits, time.wallMs());
      if ('kind' in change) return change;
      const edited = editedText(params.text, limits);
      if ('kind' in edited) return edited;
      const { conversationId } = change;
      const edit = { ...change, ...edited };
      return isGroupId(conversationId)
        ? caller.mailbox.callGroup(conversationId, 'editMessage', edit, deadline)
        : caller.mailbox.call('editMessage', edit, deadline);
    }),

    call('write', 'deleteMessage', (caller, params, deadline) => {
      const change = outgoingChange(caller, params, limits, time.wallMs());
      if ('kind' in change) return change;
      const { conversationId } = change;
      return isGroupId(conversationId)
        ? caller.mailbox.callGroup(conversationId, 'deleteMessage', change, deadline)
        : caller.mailbox.call('deleteMessage', change, deadline);
    }),

    mark('markDelivered'),
    mark('markRead'),
    ...peopleCalls(time),
    ...deviceCalls(),
    ...companyCalls(),
  ];
  return new Map([...calls, ...groupCalls()].map((entry) => [entry.name, entry]));
}
