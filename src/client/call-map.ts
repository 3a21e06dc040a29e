import type {
  CreateGroupParams,
  CreateGroupResult,
  GetMembersResult,
  GroupHistory,
  LeaveGroupParams,
  MembersParams,
  MembersResult,
  RenameGroupParams,
  SetRoleParams,
  DeleteMessageParams,
  DeleteMessageResult,
  DeviceParams,
  EditMessageParams,
  EditMessageResult,
  GetBlockedResult,
  GetChangesResult,
  GetContactsResult,
  GetConversationsResult,
  GetDevicesResult,
  GetMessagesResult,
  MarkParams,
  MarkResult,
  ProfileResult,
  RenameDeviceParams,
  RevokeTokensParams,
  SendMessageResult,
  TypingParams,
  UpdateProfileParams,
  WatchPresenceParams,
  WatchPresenceResult,
} from '../protocol/calls.ts';
import type { MediaRef } from '../protocol/message.ts';

/** Where a message goes: to a user, or into a conversation. */
export type SendTarget = { readonly to: string } | { readonly conversationId: string };

/** A message as its author made it; `messageId` is made once and kept for every retry. */
export type OutgoingMessage = SendTarget & {
  readonly text: string;
  readonly messageId: string;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly after?: string;
};

/** The calls of a session: parameters as the client gives them, results as the server answers. */
export interface CallMap {
  readonly sendMessage: { params: OutgoingMessage; result: SendMessageResult };
  readonly getMessages: {
    params: { conversationId: string; limit?: number; offset?: number; before?: number; after?: number };
    result: GetMessagesResult;
  };
  readonly getConversations: {
    params: { limit?: number; offset?: number; since?: number };
    result: GetConversationsResult;
  };
  readonly getChanges: { params: { since?: string; limit?: number }; result: GetChangesResult };
  readonly editMessage: { params: EditMessageParams; result: EditMessageResult };
  readonly deleteMessage: { params: DeleteMessageParams; result: DeleteMessageResult };
  readonly getProfile: { params: { userId?: string }; result: ProfileResult };
  readonly updateProfile: { params: UpdateProfileParams; result: ProfileResult };
  readonly addContact: { params: { userId: string }; result: object };
  readonly removeContact: { params: { userId: string }; result: object };
  readonly getContacts: { params: { limit?: number; offset?: number }; result: GetContactsResult };
  readonly blockUser: { params: { userId: string }; result: object };
  readonly unblockUser: { params: { userId: string }; result: object };
  readonly getBlocked: { params: { limit?: number; offset?: number }; result: GetBlockedResult };
  readonly typing: { params: TypingParams; result: object };
  readonly watchPresence: { params: WatchPresenceParams; result: WatchPresenceResult };
  readonly getDevices: { params: object; result: GetDevicesResult };
  readonly renameDevice: { params: RenameDeviceParams; result: object };
  readonly logOutDevice: { params: DeviceParams; result: object };
  readonly revokeTokens: { params: RevokeTokensParams; result: object };
  readonly markRead: { params: MarkParams; result: MarkResult };
  readonly markDelivered: { params: MarkParams; result: MarkResult };
  readonly createGroup: {
    params: Omit<CreateGroupParams, 'history'> & { readonly history?: GroupHistory };
    result: CreateGroupResult;
  };
  readonly addMembers: { params: MembersParams; result: MembersResult };
  readonly removeMembers: { params: MembersParams; result: MembersResult };
  readonly leaveGroup: { params: LeaveGroupParams; result: object };
  readonly renameGroup: { params: RenameGroupParams; result: object };
  readonly setRole: { params: SetRoleParams; result: object };
  readonly getMembers: {
    params: { conversationId: string; limit?: number; offset?: number };
    result: GetMembersResult;
  };
}

export type CallName = keyof CallMap;

/** The result of `session.open`. */
export interface Session {
  readonly userId: string;
  readonly nodeId: string;
  readonly cursor: string;
  readonly serverTime: number;
  readonly heartbeatMs: number;
  readonly reset?: boolean;
  readonly limits: {
    readonly textBytesMax: number;
    readonly frameBytesMax: number;
    readonly batchMax: number;
    readonly membersMax: number;
    /** Missing: the server is older, and has no such limit. */
    readonly membersPerCallMax?: number;
  };
}
