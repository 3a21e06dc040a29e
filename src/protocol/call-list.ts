import type { TObject, TSchema } from 'typebox';
import * as params from './call-schemas.ts';
import type { ErrorKind } from './protocol-error.ts';
import * as result from './result-schemas.ts';

/** One call of the protocol as clients see it. */
export interface CallSpec<Params extends TObject = TObject, Result extends TSchema = TSchema> {
  readonly about: string;
  readonly params: Params;
  readonly result: Result;
  /** Error kinds of its own, beside `everyCallErrors`. */
  readonly errors: readonly ErrorKind[];
}

function spec<Params extends TObject, Result extends TSchema>(
  about: string,
  params: Params,
  result: Result,
  errors: readonly ErrorKind[] = [],
): CallSpec<Params, Result> {
  return { about, params, result, errors };
}

/** What any call may fail with. */
export const everyCallErrors: readonly ErrorKind[] = [
  'unauthenticated',
  'invalid_params',
  'rate_limited',
  'overloaded',
  'unavailable',
  'internal',
];

/**
 * The calls of a session, by method. The one list: a call is checked by the params here before it is served, and the
 * reference in docs/api is generated from it.
 */
export const callList = {
  sendMessage: spec(
    'Sends a message to a user or into a conversation. Safe to repeat with the same messageId.',
    params.sendMessageParams,
    result.sendMessageResult,
    ['forbidden', 'not_found', 'conflict', 'too_large', 'stale_message_id', 'out_of_order'],
  ),
  getMessages: spec(
    'A page of messages: newest first, or oldest first with `after`. Both bounds are exclusive. Above two megabytes it ' +
      'ends before `limit`, with `hasMore`.',
    params.getMessagesParams,
    result.getMessagesResult,
    ['not_found'],
  ),
  getConversations: spec(
    'The list of conversations, most recent first; with `since` those changed from then on.',
    params.getConversationsParams,
    result.getConversationsResult,
  ),
  getChanges: spec(
    'The change feed after a cursor, or `reset`; without `since` nothing, and the cursor of now.',
    params.getChangesParams,
    result.getChangesResult,
  ),
  markDelivered: spec('Says how far messages have arrived.', params.markParams, result.markResult, [
    'not_found',
  ]),
  markRead: spec('Says how far messages were read.', params.markParams, result.markResult, ['not_found']),
  editMessage: spec("Changes one's own message.", params.editMessageParams, result.editMessageResult, [
    'forbidden',
    'not_found',
    'conflict',
    'too_large',
    'stale_message_id',
  ]),
  deleteMessage: spec(
    "Deletes one's own message, for everyone.",
    params.deleteMessageParams,
    result.deleteMessageResult,
    ['forbidden', 'not_found', 'conflict', 'stale_message_id'],
  ),
  createGroup: spec(
    'Makes a group; the same requestId makes the same group.',
    params.createGroupParams,
    result.createGroupResult,
    ['forbidden', 'not_found', 'too_large'],
  ),
  addMembers: spec('Adds members to a group.', params.membersParams, result.membersResult, [
    'forbidden',
    'not_found',
    'too_large',
  ]),
  removeMembers: spec('Removes members from a group.', params.membersParams, result.membersResult, [
    'forbidden',
    'not_found',
  ]),
  leaveGroup: spec('Leaves a group.', params.leaveGroupParams, result.nothing, ['not_found']),
  renameGroup: spec('Renames a group.', params.renameGroupParams, result.nothing, ['forbidden', 'not_found']),
  setRole: spec(
    'Gives a member a role; `owner` hands the group over.',
    params.setRoleParams,
    result.nothing,
    ['forbidden', 'not_found'],
  ),
  getMembers: spec('The members of a group.', params.getMembersParams, result.getMembersResult, [
    'not_found',
  ]),
  getProfile: spec("A user's profile.", params.getProfileParams, result.profileResult, ['not_found']),
  updateProfile: spec("Changes one's own profile.", params.updateProfileParams, result.profileResult),
  addContact: spec("Puts a user on one's contact list.", params.personParams, result.nothing, [
    'forbidden',
    'not_found',
  ]),
  removeContact: spec("Takes a user off one's contact list.", params.personParams, result.nothing),
  getContacts: spec("One's contacts.", params.listParams, result.getContactsResult),
  blockUser: spec('Blocks a user.', params.personParams, result.nothing, ['forbidden', 'not_found']),
  unblockUser: spec('Lets a user write again.', params.personParams, result.nothing),
  getBlocked: spec('Who is blocked.', params.listParams, result.getBlockedResult),
  typing: spec(
    'Says that one writes in a conversation, or has stopped. Mostly sent as a notification; what cannot be told is lost.',
    params.typingParams,
    result.nothing,
    ['not_found'],
  ),
  watchPresence: spec(
    'Who of these is there, and a push whenever that changes; replaces what was watched before. Over HTTP without pushes.',
    params.watchPresenceParams,
    result.watchPresenceResult,
  ),
  getDevices: spec(
    "One's own devices, the one that was seen last first.",
    params.getDevicesParams,
    result.getDevicesResult,
  ),
  renameDevice: spec("Gives one of one's own devices a name.", params.renameDeviceParams, result.nothing, [
    'not_found',
  ]),
  logOutDevice: spec(
    'Refuses the tokens that a device has shown, and those issued before that no other listed device has shown.',
    params.logOutDeviceParams,
    result.nothing,
  ),
  revokeTokens: spec(
    'Refuses tokens issued before a time, and closes the sessions that were opened with them.',
    params.revokeTokensParams,
    result.nothing,
  ),
};

export type CallName = keyof typeof callList;

/** The first call of a WebSocket. */
export const sessionOpen = spec(
  'Opens the session; the first call on a WebSocket. With `since` the changes after it follow as pushes.',
  params.sessionOpenParams,
  result.sessionOpenResult,
  ['moved', 'invalid_request'],
);
