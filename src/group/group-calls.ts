import type {
  CreateGroupParams,
  CreateGroupResult,
  DeleteMessageParams,
  DeleteMessageResult,
  EditMessageParams,
  EditMessageResult,
  GetMembersParams,
  GetMembersResult,
  GetMessagesParams,
  GetMessagesResult,
  LeaveGroupParams,
  MembersParams,
  MembersResult,
  RenameGroupParams,
  SendMessageParams,
  SendMessageResult,
  SetRoleParams,
} from '../protocol/calls.ts';

interface Shape<Params, Result extends object> {
  readonly params: Params;
  readonly result: Result;
}

export interface MemberIds {
  readonly userIds: readonly string[];
  readonly hasMore: boolean;
}

/** What each call on a group takes and answers, once its params were checked; the group is told who asks beside. */
export interface GroupCalls {
  readonly createGroup: Shape<CreateGroupParams, CreateGroupResult>;
  readonly addMembers: Shape<MembersParams, MembersResult>;
  readonly removeMembers: Shape<MembersParams, MembersResult>;
  readonly leaveGroup: Shape<LeaveGroupParams, object>;
  readonly renameGroup: Shape<RenameGroupParams, object>;
  readonly setRole: Shape<SetRoleParams, object>;
  readonly getMembers: Shape<GetMembersParams, GetMembersResult>;
  /** Ids alone, which ask nobody's mailbox. */
  readonly memberIds: Shape<{ readonly limit: number }, MemberIds>;
  readonly sendMessage: Shape<SendMessageParams, SendMessageResult>;
  readonly editMessage: Shape<EditMessageParams, EditMessageResult>;
  readonly deleteMessage: Shape<DeleteMessageParams, DeleteMessageResult>;
  readonly getMessages: Shape<GetMessagesParams, GetMessagesResult>;
}

export type GroupCallName = keyof GroupCalls;
export type GroupParamsOf<Name extends GroupCallName> = GroupCalls[Name]['params'];
export type GroupResultOf<Name extends GroupCallName> = GroupCalls[Name]['result'];

const names: { readonly [Name in GroupCallName]: true } = {
  ...{ createGroup: true, addMembers: true, removeMembers: true, leaveGroup: true },
  ...{ renameGroup: true, setRole: true, getMembers: true, sendMessage: true, getMessages: true },
  ...{ editMessage: true, deleteMessage: true, memberIds: true },
};

export function isGroupCallName(name: unknown): name is GroupCallName {
  return typeof name === 'string' && Object.hasOwn(names, name);
}
