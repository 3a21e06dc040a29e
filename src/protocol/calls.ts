import type { Change, Conversation, MediaRef, Message } from './message.ts';

/** Parameters and results of the calls that a mailbox answers, after validation; shapes as in the protocol. */
export interface SendMessageParams {
  readonly conversationId: string;
  readonly text: string;
  readonly messageId: string;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly after?: string;
}

export interface SendMessageResult {
  readonly conversationId: string;
  readonly messageId: string;
  readonly seq: number;
  readonly timestamp: number;
  readonly duplicate: boolean;
}

export interface GetMessagesParams {
  readonly conversationId: string;
  readonly limit: number;
  readonly offset?: number;
  readonly before?: number;
  readonly after?: number;
}

export interface GetMessagesResult {
  readonly messages: readonly Message[];
  readonly hasMore: boolean;
}

export interface GetConversationsParams {
  readonly limit: number;
  readonly offset: number;
  readonly since?: number;
}

export interface GetConversationsResult {
  readonly conversations: readonly Conversation[];
  readonly hasMore: boolean;
  readonly serverTime: number;
}

export interface GetChangesParams {
  readonly since?: string;
  readonly limit: number;
  /** Of the server's own readers: where nothing can be read on, a page without changes rather than an error. */
  readonly mayStall?: true;
}

export type GetChangesResult =
  | { readonly changes: readonly Change[]; readonly cursor: string; readonly hasMore: boolean }
  | { readonly reset: true; readonly cursor: string };

export interface MarkParams {
  readonly conversationId: string;
  readonly seq: number;
}

export interface EditMessageParams {
  readonly conversationId: string;
  readonly seq: number;
  readonly text: string;
  /** Of the edit, not of the message. */
  readonly messageId: string;
}

export interface EditMessageResult {
  readonly seq: number;
  readonly editedAt: number;
}

export type DeleteMessageParams = Omit<EditMessageParams, 'text'>;

export interface DeleteMessageResult {
  readonly seq: number;
  readonly deletedAt: number;
}

export interface MarkResult {
  readonly seq: number;
  readonly unread: number;
}

export interface UpdateProfileParams {
  readonly name: string;
}

export interface ProfileResult {
  readonly userId: string;
  readonly name: string;
  readonly createdAt: number;
}

/** `name`: as it was looked up, where that was needed. */
export interface PersonParams {
  readonly userId: string;
  readonly name?: string;
}

export type GroupRole = 'owner' | 'admin' | 'member';
/** What members see of a group: everything, or what was sent since they joined. */
export type GroupHistory = 'all' | 'sinceJoin';

export interface CreateGroupParams {
  readonly name: string;
  readonly members: readonly string[];
  readonly requestId: string;
  readonly history: GroupHistory;
}

export interface CreateGroupResult {
  readonly conversationId: string;
}

export interface MembersParams {
  readonly conversationId: string;
  readonly members: readonly string[];
}

export interface MembersResult {
  /** How many the group has after the call. */
  readonly members: number;
}

export interface LeaveGroupParams {
  readonly conversationId: string;
}

export interface RenameGroupParams {
  readonly conversationId: string;
  readonly name: string;
}

export interface SetRoleParams {
  readonly conversationId: string;
  readonly userId: string;
  readonly role: GroupRole;
}

export interface ListParams {
  readonly limit: number;
  readonly offset: number;
}

export interface GetMembersParams {
  readonly conversationId: string;
  readonly limit: number;
  readonly offset: number;
}

export interface GetMembersResult {
  readonly members: readonly {
    readonly userId: string;
    readonly name: string;
    readonly role: GroupRole;
    readonly deliveredSeq: number;
    readonly readSeq: number;
  }[];
  readonly hasMore: boolean;
}

/** Somebody in a list of people. */
export interface ListedPerson {
  readonly userId: string;
  readonly name: string;
}

export interface GetContactsResult {
  readonly contacts: readonly ListedPerson[];
  readonly hasMore: boolean;
}

export interface GetBlockedResult {
  readonly users: readonly ListedPerson[];
  readonly hasMore: boolean;
}

/** `lastSeen`: when some device of the user was there last, epoch ms; 0: not known, or not for whoever asks. */
export interface Presence {
  readonly userId: string;
  readonly online: boolean;
  readonly lastSeen: number;
}

export interface WatchPresenceParams {
  readonly userIds: readonly string[];
}

export interface WatchPresenceResult {
  /** In the order asked. */
  readonly presence: readonly Presence[];
}

export interface TypingParams {
  readonly conversationId: string;
  readonly on: boolean;
}

/** Somebody begins or ends to write in a conversation. */
export interface Typing extends TypingParams {
  readonly userId: string;
}

/** A device of the caller's. Times in epoch ms; `lastSeen` to within an hour. */
export interface ListedDevice {
  readonly deviceId: string;
  readonly name: string;
  readonly createdAt: number;
  readonly lastSeen: number;
}

export interface GetDevicesResult {
  readonly devices: readonly ListedDevice[];
}

export interface DeviceParams {
  readonly deviceId: string;
}

export interface RenameDeviceParams {
  readonly deviceId: string;
  readonly name: string;
}

export interface RevokeTokensParams {
  /** Epoch ms. */
  readonly before: number;
}
