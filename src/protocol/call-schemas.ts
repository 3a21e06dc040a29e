import Type from 'typebox';

/*
 * The params of each call on the wire. Fields that are not named here are ignored, so that an older server
 * takes what a newer client adds. Lengths in bytes (UTF-8) are checked beside these: a schema counts characters.
 */

/** Limits that are part of the protocol, not of a node's settings. */
export const mediaRefBytesMax = 1024;
const getMessagesMax = 200;
const getConversationsMax = 100;
const getChangesMax = 1000;
const getMembersMax = 200;
const getPeopleMax = 1000;
const tokenCharsMax = 8192;

export const id = (description: string): Type.TString =>
  Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description });
const seq = (description: string) =>
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });
const count = (fallback: number, maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: fallback }));
const offset = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }));

export const conversationId = Type.String({
  pattern: '^(?:dm:[A-Za-z0-9_-]{1,64}:[A-Za-z0-9_-]{1,64}|grp:[A-Za-z0-9_-]{1,64})$',
});
export const messageId = Type.String({
  pattern: '^(?:0|[1-9][0-9]{0,14})\\.[A-Za-z0-9_-]{1,64}\\.[A-Za-z0-9_-]{1,64}(?:\\.[A-Za-z0-9_-]{1,32})?$',
  description: '<epochMs>.<senderId>.<deviceId>[.<suffix>]',
});
export const cursor = Type.String({ maxLength: 256, description: 'A cursor, as it was given out.' });

export const mediaRef = Type.Object(
  {
    ref: Type.String({ minLength: 1, description: `Opaque; at most ${mediaRefBytesMax} bytes.` }),
    type: Type.String({ minLength: 1, maxLength: 255, description: 'Its media type, as the sender says.' }),
    size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Bytes.' }),
  },
  { description: 'A reference to something stored elsewhere.' },
);

export const sessionOpenParams = Type.Object({
  token: Type.String({ maxLength: tokenCharsMax }),
  deviceId: id('Which device of the user this is.'),
  since: Type.Optional(cursor),
});

export const sendMessageParams = Type.Object({
  to: Type.Optional(id('The recipient; either this or conversationId.')),
  conversationId: Type.Optional(conversationId),
  text: Type.String(),
  messageId,
  mediaRef: Type.Optional(mediaRef),
  replyTo: Type.Optional(seq('The message this one answers.')),
  after: Type.Optional(messageId),
});

export const getMessagesParams = Type.Object({
  conversationId,
  limit: count(50, getMessagesMax),
  offset,
  before: Type.Optional(seq('Only messages below this one.')),
  // 0 asks for the conversation from its beginning.
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});

export const getConversationsParams = Type.Object({
  limit: count(30, getConversationsMax),
  offset,
  since: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});

export const getChangesParams = Type.Object({
  since: Type.Optional(cursor),
  limit: count(500, getChangesMax),
});

export const markParams = Type.Object({ conversationId, seq: seq('Up to and with this message.') });

export const editMessageParams = Type.Object({
  conversationId,
  seq: seq('One of your own messages.'),
  text: Type.String(),
  messageId,
});

export const deleteMessageParams = Type.Object({
  conversationId,
  seq: seq('One of your own messages.'),
  messageId,
});

const groupName = Type.String({ minLength: 1, maxLength: 100, description: 'What members see.' });
const members = Type.Array(id('A user.'));

export const createGroupParams = Type.Object({
  name: groupName,
  members,
  requestId: Type.String({ minLength: 1, maxLength: 128, description: 'The same one makes the same group.' }),
  history: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('sinceJoin')], { default: 'all' })),
});

export const membersParams = Type.Object({ conversationId, members });

export const leaveGroupParams = Type.Object({ conversationId });

export const renameGroupParams = Type.Object({ conversationId, name: groupName });

export const groupRole = Type.Union([Type.Literal('owner'), Type.Literal('admin'), Type.Literal('member')]);

export const setRoleParams = Type.Object({ conversationId, userId: id('A member.'), role: groupRole });

export const getMembersParams = Type.Object({
  conversationId,
  limit: count(50, getMembersMax),
  offset,
});

const name = Type.String({ minLength: 1, maxLength: 100, description: 'What others see.' });

export const getProfileParams = Type.Object({ userId: Type.Optional(id("Whose; by default one's own.")) });
export const updateProfileParams = Type.Object({ name });
export const personParams = Type.Object({ userId: id('Another user.') });
export const listParams = Type.Object({ limit: count(100, getPeopleMax), offset });

export const revokeTokensParams = Type.Object({
  before: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Epoch ms.' }),
});

const watchedUsersMax = 200;
export const typingParams = Type.Object({
  conversationId,
  on: Type.Boolean({ description: 'One writes, or has stopped.' }),
});
export const watchPresenceParams = Type.Object({
  userIds: Type.Array(id('A user.'), { maxItems: watchedUsersMax }),
});

export const getDevicesParams = Type.Object({});
export const renameDeviceParams = Type.Object({ deviceId: id("One of one's own devices."), name });
export const logOutDeviceParams = Type.Object({ deviceId: id("One of one's own devices.") });

const password = Type.String({ minLength: 1, maxLength: 1024 });

export const registrationBody = Type.Object({
  userId: id('The new user.'),
  name,
  password,
});

export const logInBody = Type.Object({ userId: id('Who logs in.'), password });
