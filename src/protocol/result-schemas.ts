import Type from 'typebox';
import { conversationId, cursor, groupRole, id, messageId } from './call-schemas.ts';
import {
  changeShape,
  conversationShape,
  count,
  messageShape,
  presenceShape,
  timeMs,
} from './shape-schemas.ts';

/* What each call answers, on the wire. */

const seq = Type.Integer({ minimum: 1 });
const hasMore = Type.Boolean({ description: 'There is more after these.' });
const person = Type.Object({ userId: id('Who.'), name: Type.String() });

export const nothing = Type.Object({});

export const sessionOpenResult = Type.Object({
  userId: id('Whose session it is.'),
  nodeId: Type.String({ description: 'The node that serves it.' }),
  cursor,
  reset: Type.Optional(
    Type.Literal(true, { description: '`since` is too old or unknown: `cursor` is the head, fetch anew.' }),
  ),
  serverTime: timeMs('Epoch ms.'),
  heartbeatMs: count('The server pings so often.'),
  limits: Type.Object({
    textBytesMax: count('Bytes (UTF-8) in a text.'),
    frameBytesMax: count('Bytes in a frame or a request body.'),
    batchMax: count('Calls in a batch.'),
    membersMax: count('Members of a group.'),
    membersPerCallMax: count('Users named in one call about the members of a group.'),
  }),
});

export const sendMessageResult = Type.Object({
  conversationId,
  messageId,
  seq,
  timestamp: timeMs('When it was committed, epoch ms.'),
  duplicate: Type.Boolean({ description: 'It was there before: this is the first answer again.' }),
});

export const getMessagesResult = Type.Object({ messages: Type.Array(messageShape), hasMore });

export const getConversationsResult = Type.Object({
  conversations: Type.Array(conversationShape),
  hasMore,
  serverTime: timeMs('The `since` of the next call, epoch ms.'),
});

export const getChangesResult = Type.Union([
  Type.Object({ changes: Type.Array(changeShape), cursor, hasMore }),
  Type.Object({
    reset: Type.Literal(true, { description: '`since` is too old or unknown: fetch anew.' }),
    cursor,
  }),
]);

export const markResult = Type.Object({
  seq: count('The mark after the call.'),
  unread: count('Messages from others after the read mark.'),
});

export const editMessageResult = Type.Object({ seq, editedAt: timeMs('Epoch ms.') });
export const deleteMessageResult = Type.Object({ seq, deletedAt: timeMs('Epoch ms.') });

export const createGroupResult = Type.Object({ conversationId });
export const membersResult = Type.Object({ members: count('How many the group has after the call.') });
export const getMembersResult = Type.Object({
  members: Type.Array(
    Type.Object({
      userId: id('Who.'),
      name: Type.String(),
      role: groupRole,
      deliveredSeq: count('How far they have got.'),
      readSeq: count('How far they have read.'),
    }),
  ),
  hasMore,
});

export const profileResult = Type.Object({
  userId: id('Who.'),
  name: Type.String(),
  createdAt: timeMs('When the account was made, epoch ms.'),
});
export const getContactsResult = Type.Object({ contacts: Type.Array(person), hasMore });
export const getBlockedResult = Type.Object({ users: Type.Array(person), hasMore });

export const getDevicesResult = Type.Object({
  devices: Type.Array(
    Type.Object({
      deviceId: id('Which.'),
      name: Type.String({ description: 'As the user has named it; at first the id.' }),
      createdAt: timeMs('When it came first, epoch ms.'),
      lastSeen: timeMs('When it came last, to within an hour, epoch ms.'),
    }),
  ),
});

export const watchPresenceResult = Type.Object({ presence: Type.Array(presenceShape) });

const token = Type.String({ description: 'To be shown as bearer token and in session.open.' });
export const registrationResult = Type.Object({ userId: id('The new user.'), token });
export const logInResult = Type.Object({ token, expiresAt: timeMs('Epoch ms.') });
