// The shapes of the client protocol as its description gives them. Nothing here comes from the server's sources:
// a mistake that both made would not be seen.

export interface Message {
  readonly conversationId: string;
  readonly seq: number;
  readonly messageId: string;
  readonly from: string;
  readonly text: string;
  /** Epoch milliseconds, as all times here. */
  readonly timestamp: number;
  readonly editedAt?: number;
  readonly deletedAt?: number;
}

export interface Conversation {
  readonly conversationId: string;
  readonly type: 'dm' | 'group';
  readonly name: string;
  readonly lastSeq: number;
  readonly lastTimestamp: number;
  readonly unread: number;
  readonly readSeq: number;
  readonly peerReadSeq?: number;
  readonly peerDeliveredSeq?: number;
}

interface Place {
  readonly cursor: string;
}

export type Change = Place &
  (
    | { readonly kind: 'message' | 'edited' | 'deleted'; readonly message: Message }
    | {
        readonly kind: 'receipt';
        readonly conversationId: string;
        readonly userId: string;
        readonly deliveredSeq: number;
        readonly readSeq: number;
      }
    | {
        readonly kind: 'read';
        readonly conversationId: string;
        readonly readSeq: number;
        readonly unread: number;
      }
    | {
        readonly kind: 'conversation';
        readonly conversation: Pick<Conversation, 'conversationId'> & Partial<Conversation>;
        readonly left?: boolean;
      }
    | { readonly kind: 'contact'; readonly userId: string; readonly removed?: boolean }
  );

/** What is told outside of the feed, and kept nowhere. */
export type Note =
  | {
      readonly method: 'typing';
      readonly conversationId: string;
      readonly userId: string;
      readonly on: boolean;
    }
  | ({ readonly method: 'presence' } & Presence)
  /** On a stream or a poll: the cursor was too old, the feed goes on elsewhere. */
  | { readonly method: 'reset'; readonly since: string };

export interface Presence {
  readonly userId: string;
  readonly online: boolean;
  readonly lastSeen: number;
}

export interface Member {
  readonly userId: string;
  readonly role: 'owner' | 'admin' | 'member';
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export interface SendParams {
  readonly conversationId: string;
  readonly text: string;
  readonly messageId: string;
}

export interface SendResult {
  readonly conversationId: string;
  readonly messageId: string;
  readonly seq: number;
  readonly timestamp: number;
  readonly duplicate: boolean;
}

interface OfMessage {
  readonly conversationId: string;
  readonly seq: number;
}

interface OfMembers {
  readonly conversationId: string;
  readonly members: readonly string[];
}

interface OfUser {
  readonly userId: string;
}

interface PageParams {
  readonly limit: number;
  readonly offset: number;
}

/** A way to listen without WebSocket: from which cursor on. */
interface Listening {
  readonly params: { readonly since: string };
  readonly result: { readonly cursor: string };
}

/** The calls that the clients make: what they send, what comes back. */
export interface CallShapes {
  'session.open': {
    readonly params: { readonly token: string; readonly deviceId: string; readonly since?: string };
    readonly result: { readonly cursor: string; readonly nodeId: string; readonly reset?: true };
  };
  sendMessage: { readonly params: SendParams; readonly result: SendResult };
  editMessage: {
    readonly params: OfMessage & { readonly text: string; readonly messageId: string };
    readonly result: { readonly seq: number; readonly editedAt: number };
  };
  deleteMessage: {
    readonly params: OfMessage & { readonly messageId: string };
    readonly result: { readonly seq: number; readonly deletedAt: number };
  };
  markRead: {
    readonly params: OfMessage;
    readonly result: { readonly seq: number; readonly unread: number };
  };
  markDelivered: {
    readonly params: OfMessage;
    readonly result: { readonly seq: number; readonly unread: number };
  };
  getMessages: {
    readonly params: { readonly conversationId: string; readonly limit: number; readonly before?: number };
    readonly result: { readonly messages: readonly Message[]; readonly hasMore: boolean };
  };
  getConversations: {
    readonly params: PageParams;
    readonly result: { readonly conversations: readonly Conversation[]; readonly hasMore: boolean };
  };
  getChanges: {
    readonly params: { readonly since?: string; readonly limit: number };
    readonly result:
      | {
          readonly reset?: undefined;
          readonly changes: readonly Change[];
          readonly cursor: string;
          readonly hasMore: boolean;
        }
      | { readonly reset: true; readonly cursor: string };
  };
  createGroup: {
    readonly params: {
      readonly name: string;
      readonly members: readonly string[];
      readonly requestId: string;
      readonly history: 'all' | 'sinceJoin';
    };
    readonly result: { readonly conversationId: string };
  };
  addMembers: { readonly params: OfMembers; readonly result: { readonly members: number } };
  removeMembers: { readonly params: OfMembers; readonly result: { readonly members: number } };
  leaveGroup: { readonly params: { readonly conversationId: string }; readonly result: object };
  renameGroup: {
    readonly params: { readonly conversationId: string; readonly name: string };
    readonly result: object;
  };
  getMembers: {
    readonly params: PageParams & { readonly conversationId: string };
    readonly result: { readonly members: readonly Member[]; readonly hasMore: boolean };
  };
  blockUser: { readonly params: OfUser; readonly result: object };
  unblockUser: { readonly params: OfUser; readonly result: object };
  getBlocked: {
    readonly params: PageParams;
    readonly result: { readonly users: readonly OfUser[]; readonly hasMore: boolean };
  };
  typing: {
    readonly params: { readonly conversationId: string; readonly on: boolean };
    readonly result: object;
  };
  watchPresence: {
    readonly params: { readonly userIds: readonly string[] };
    readonly result: { readonly presence: readonly Presence[] };
  };
  'GET /v1/events': Listening;
  /** The first of a chain of polls, each of which goes on where the one before ended. */
  'GET /v1/changes': Listening;
}

export type Method = keyof CallShapes;

/** What came of a call. `unknown`: no answer came, so that it may have happened or not, or may happen yet. */
export type Outcome<Result> =
  | { readonly kind: 'ok'; readonly result: Result }
  | {
      readonly kind: 'error';
      readonly error: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number;
      /** With `moved`: where to. */
      readonly url?: string;
    }
  | { readonly kind: 'unknown' };

export function dmOf(one: string, other: string): string {
  return one < other ? `dm:${one}:${other}` : `dm:${other}:${one}`;
}

export function isDm(conversationId: string): boolean {
  return conversationId.startsWith('dm:');
}

/** Who talks in a `dm`. User ids have no colon. */
export function dmUsers(conversationId: string): readonly [string, string] {
  const [, one = '', other = ''] = conversationId.split(':');
  return [one, other];
}
