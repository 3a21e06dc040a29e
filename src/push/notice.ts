/** That a user whom no device listens for has unread messages: one for all that came meanwhile. */
export interface Notice {
  readonly userId: string;
  /** In all conversations. */
  readonly unread: number;
  /** The conversation with the newest of them, and what the user calls it. */
  readonly conversationId: string;
  readonly name: string;
  /** Who wrote the newest one. */
  readonly from: string;
  /** Its beginning, where previews are on. */
  readonly preview?: string;
  /** When it was committed, epoch milliseconds. */
  readonly timestamp: number;
}
