const pattern = /^([0-9]{1,15})\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})(?:\.([A-Za-z0-9_-]{1,32}))?$/;

/** `<epochMs>.<senderId>.<deviceId>[.<suffix>]`: when, who and on which device a message was typed. */
export interface MessageIdParts {
  readonly epochMs: number;
  readonly senderId: string;
  readonly deviceId: string;
  readonly suffix: string | undefined;
}

/** undefined where the text is not a message id. */
export function parseMessageId(text: string): MessageIdParts | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, epoch, senderId, deviceId, suffix] = match;
  if (epoch === undefined || senderId === undefined || deviceId === undefined) return undefined;
  // One spelling a number: "007" and "7" would be two ids of one time.
  if (epoch.length > 1 && epoch.startsWith('0')) return undefined;
  return { epochMs: Number(epoch), senderId, deviceId, suffix };
}

/** The time in an id that is known to be well formed, without parsing the rest. */
export function epochMsOf(messageId: string): number {
  return Number(messageId.slice(0, messageId.indexOf('.')));
}

/** The sender in an id that is known to be well formed. */
export function senderOf(messageId: string): string {
  const start = messageId.indexOf('.') + 1;
  return messageId.slice(start, messageId.indexOf('.', start));
}

/** Is this the sender in an id that is known to be well formed? */
export function isSentBy(messageId: string, userId: string): boolean {
  const start = messageId.indexOf('.') + 1;
  return messageId.startsWith(userId, start) && messageId[start + userId.length] === '.';
}
