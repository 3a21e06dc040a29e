import type {
  DeleteMessageParams,
  DeleteMessageResult,
  DeviceParams,
  EditMessageParams,
  EditMessageResult,
  GetBlockedResult,
  GetChangesParams,
  GetChangesResult,
  GetContactsResult,
  GetConversationsParams,
  GetConversationsResult,
  GetDevicesResult,
  GetMessagesParams,
  GetMessagesResult,
  ListParams,
  MarkParams,
  MarkResult,
  PersonParams,
  ProfileResult,
  RenameDeviceParams,
  RevokeTokensParams,
  SendMessageParams,
  SendMessageResult,
  UpdateProfileParams,
} from '../protocol/calls.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import type { MailboxState, Profile } from './mailbox-state.ts';
import { queryConversations } from './query-conversations.ts';
import type { SeenToken } from './devices.ts';
import { queryAdmission, queryDevices, type Admitted } from './query-devices.ts';
import { queryAcquaintances, type Acquaintances } from './query-meeting.ts';
import { queryMessages } from './query-messages.ts';
import { queryBlocked, queryContacts, queryProfile } from './query-people.ts';
import { stepCreateAccount } from './step-create-account.ts';
import { stepLogOutDevice, stepNoteDevice, stepRenameDevice, type NoteDeviceParams } from './step-devices.ts';
import { stepAddContact, stepBlockUser, stepRemoveContact, stepUnblockUser } from './step-people.ts';
import { stepRevokeTokens, stepUpdateProfile } from './step-profile.ts';
import { stepMarkDelivered, stepMarkRead } from './step-mark.ts';

interface Shape<Params, Result extends object> {
  readonly params: Params;
  readonly result: Result;
}

/** Calls that read one's own mailbox. */
export interface ReadCalls {
  /** What logging in needs; no profile: no such user. */
  readonly account: Shape<null, { readonly profile?: Profile }>;
  /** Is this token still good? */
  readonly admission: Shape<SeenToken, Admitted>;
  readonly acquaintances: Shape<{ readonly userIds: readonly string[] }, Acquaintances>;
  readonly getDevices: Shape<null, GetDevicesResult>;
  readonly getMessages: Shape<GetMessagesParams, GetMessagesResult>;
  readonly getConversations: Shape<GetConversationsParams, GetConversationsResult>;
  readonly getProfile: Shape<null, ProfileResult>;
  readonly getContacts: Shape<ListParams, GetContactsResult>;
  readonly getBlocked: Shape<ListParams, GetBlockedResult>;
}

/** Calls that one commit of one's own mailbox answers. */
export interface WriteCalls {
  /** `conflict` where the user exists. */
  readonly createAccount: Shape<Profile, object>;
  readonly markDelivered: Shape<MarkParams, MarkResult>;
  readonly markRead: Shape<MarkParams, MarkResult>;
  readonly updateProfile: Shape<UpdateProfileParams, ProfileResult>;
  readonly addContact: Shape<PersonParams, object>;
  readonly removeContact: Shape<PersonParams, object>;
  readonly blockUser: Shape<PersonParams, object>;
  readonly unblockUser: Shape<PersonParams, object>;
  readonly revokeTokens: Shape<RevokeTokensParams, object>;
  readonly noteDevice: Shape<NoteDeviceParams, object>;
  readonly renameDevice: Shape<RenameDeviceParams, object>;
  readonly logOutDevice: Shape<DeviceParams, object>;
}

/** Calls that others have a part in: who receives a message, the groups whose messages are in the feed. */
interface SharedCalls {
  readonly sendMessage: Shape<SendMessageParams, SendMessageResult>;
  readonly editMessage: Shape<EditMessageParams, EditMessageResult>;
  readonly deleteMessage: Shape<DeleteMessageParams, DeleteMessageResult>;
  readonly getChanges: Shape<GetChangesParams, GetChangesResult>;
}

/**
 * What each call on a mailbox takes and answers, once its params were checked. A new one is named here and, where
 * this mailbox alone can answer it, in one of the tables below; every way to a mailbox knows it then.
 */
export interface MailboxCalls extends ReadCalls, WriteCalls, SharedCalls {}

export type CallName = keyof MailboxCalls;
export type ParamsOf<Name extends CallName> = MailboxCalls[Name]['params'];
export type ResultOf<Name extends CallName> = MailboxCalls[Name]['result'];

type Reads = {
  readonly [Name in keyof ReadCalls]: (
    state: MailboxState,
    params: ParamsOf<Name>,
    loaded: LoadedRanges,
  ) => Step<ResultOf<Name> | Refusal>;
};

type Writes = {
  readonly [Name in keyof WriteCalls]: (
    draft: MailboxDraft,
    params: ParamsOf<Name>,
    loaded: LoadedRanges,
  ) => Step<ResultOf<Name> | Refusal>;
};

export const reads: Reads = {
  account: ({ profile }) => done({ ...(profile && { profile }) }),
  admission: queryAdmission,
  acquaintances: queryAcquaintances,
  getDevices: queryDevices,
  getMessages: queryMessages,
  getConversations: queryConversations,
  getProfile: queryProfile,
  getContacts: queryContacts,
  getBlocked: queryBlocked,
};

export const writes: Writes = {
  createAccount: stepCreateAccount,
  markDelivered: stepMarkDelivered,
  markRead: stepMarkRead,
  updateProfile: stepUpdateProfile,
  addContact: stepAddContact,
  removeContact: stepRemoveContact,
  blockUser: stepBlockUser,
  unblockUser: stepUnblockUser,
  revokeTokens: stepRevokeTokens,
  noteDevice: stepNoteDevice,
  renameDevice: stepRenameDevice,
  logOutDevice: stepLogOutDevice,
};

const shared: { readonly [Name in keyof SharedCalls]: true } = {
  sendMessage: true,
  editMessage: true,
  deleteMessage: true,
  getChanges: true,
};

export function isRead(name: CallName): name is keyof ReadCalls {
  return Object.hasOwn(reads, name);
}

export function isCallName(name: unknown): name is CallName {
  return typeof name === 'string' && [reads, writes, shared].some((table) => Object.hasOwn(table, name));
}
