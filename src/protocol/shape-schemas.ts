import Type from 'typebox';
import { conversationId, cursor, id, mediaRef, messageId } from './call-schemas.ts';
import { errorKinds } from './protocol-error.ts';
import type { ErrorKind } from './protocol-error.ts';

/*
 * What clients are shown: messages, conversations, changes. As loose as what the server may add to later (fields that
 * are not named here are to be ignored), as strict as what it sends today.
 */

export const timeMs = (description: string): Type.TInteger => Type.Integer({ minimum: 0, description });
export const count = (description: string): Type.TInteger => Type.Integer({ minimum: 0, description });

const seq = Type.Integer({
  minimum: 1,
  description: 'Its place in the conversation, the same for everybody.',
});

export const messageShape = Type.Object(
  {
    conversationId,
    seq,
    messageId,
    from: id('Who sent it.'),
    text: Type.String({ description: 'Empty once it was deleted.' }),
    timestamp: timeMs('When it was committed, epoch ms.'),
    mediaRef: Type.Optional(mediaRef),
    replyTo: Type.Optional(Type.Integer({ minimum: 1, description: 'The seq of the message it answers.' })),
    editedAt: Type.Optional(timeMs('When it was last edited, epoch ms.')),
    deletedAt: Type.Optional(timeMs('When it was deleted, epoch ms.')),
  },
  { description: 'A message.' },
);

export const conversationShape = Type.Object(
  {
    conversationId,
    type: Type.Union([Type.Literal('dm'), Type.Literal('group')]),
    name: Type.String({ description: "The group's, or that of the other one." }),
    peer: Type.Optional(id('The other one, in a dm.')),
    lastSeq: count('The greatest seq; 0 before there is a message.'),
    lastTimestamp: timeMs('When the last message was committed, epoch ms.'),
    updatedAt: timeMs('When anything of this entry changed, epoch ms.'),
    snippet: Type.String({ description: 'The beginning of the last message.' }),
    lastFrom: Type.String({ description: 'Who sent the last message; empty before there is one.' }),
    unread: count('Messages from others after the read mark.'),
    readSeq: count("One's own read mark."),
    peerReadSeq: Type.Optional(count('How far the other one has read.')),
    peerDeliveredSeq: Type.Optional(count('How far the other one has got.')),
  },
  { description: 'A conversation in the list of one of its members.' },
);

export const changeShape = Type.Union(
  [
    Type.Object({
      cursor,
      kind: Type.Union([Type.Literal('message'), Type.Literal('edited'), Type.Literal('deleted')]),
      message: messageShape,
    }),
    Type.Object({
      cursor,
      kind: Type.Literal('read'),
      conversationId,
      readSeq: count("One's own read mark."),
      unread: count('Messages from others after it.'),
    }),
    Type.Object({
      cursor,
      kind: Type.Literal('contact'),
      userId: id('Who was added or removed.'),
      removed: Type.Optional(Type.Literal(true)),
    }),
    Type.Object({
      cursor,
      kind: Type.Literal('receipt'),
      conversationId,
      userId: id('Whose.'),
      deliveredSeq: count('How far they have got.'),
      readSeq: count('How far they have read.'),
    }),
    Type.Object({
      cursor,
      kind: Type.Literal('conversation'),
      conversation: conversationShape,
      left: Type.Optional(Type.Literal(true, { description: 'The user is no member any more.' })),
    }),
  ],
  { description: "One entry of a user's change feed; `cursor` is the position after it." },
);

/** Somebody whom one shares a conversation with. */
export const presenceShape = Type.Object({
  userId: id('Who.'),
  online: Type.Boolean({ description: 'Some device is connected.' }),
  lastSeen: Type.Integer({
    minimum: 0,
    description: 'When that was so last, epoch ms; 0: not known, or not for whoever asks.',
  }),
});

export const typingShape = Type.Object({
  conversationId,
  userId: id('Who writes.'),
  on: Type.Boolean({ description: 'It counts for 10 s, and is said again while it lasts.' }),
});

/** What the server sends by itself, by the method of the notification. */
export const pushList = {
  change: { about: "A change of the user's mailbox, once it is durable.", params: changeShape },
  typing: { about: 'Somebody else writes in a conversation. Never stored.', params: typingShape },
  presence: { about: 'A watched user has come or gone. Never stored.', params: presenceShape },
  moved: {
    about: 'The user has moved to another node.',
    params: Type.Object({
      url: Type.String({ description: 'Where the user is served from now on.' }),
      afterMs: count('When to go there, in ms; a second later this connection is closed with 4001.'),
    }),
  },
};

export const errorShape = Type.Object(
  {
    code: Type.Integer(),
    message: Type.String({ description: 'For people; may change.' }),
    data: Type.Object({
      kind: Type.Enum(Object.keys(errorKinds) as ErrorKind[]),
      retryable: Type.Boolean({ description: 'The same call may be tried again.' }),
      path: Type.Optional(Type.String({ description: 'Names the field, as in `mediaRef.size`.' })),
      retryAfterMs: Type.Optional(count('When to try again.')),
      url: Type.Optional(Type.String({ description: 'With `moved`: the WebSocket address of the owner.' })),
      nodeId: Type.Optional(Type.String({ description: 'With `moved`: the owner.' })),
      epoch: Type.Optional(count('With `moved`: the view of the cluster that says so.')),
    }),
  },
  { description: 'The error object of JSON-RPC 2.0.' },
);
