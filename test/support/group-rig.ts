import type { Group } from '../../src/actor/group.ts';
import type {
  DeleteMessageResult,
  EditMessageResult,
  MarkResult,
  SendMessageResult,
} from '../../src/protocol/calls.ts';
import type { Conversation } from '../../src/protocol/message.ts';
import { groupIdOf } from '../../src/router/group-id.ts';
import { allChanges } from './mailbox-audit.ts';
import { MailboxRig, type RigOptions } from './mailbox-rig.ts';

/** Users and their groups over one table in memory, in virtual time. */
export class GroupRig extends MailboxRig {
  #sent = 0;

  /** The users, and a group of them all that the first of them has made. @returns its id */
  static async with(userIds: readonly string[], options: RigOptions = {}): Promise<[GroupRig, string]> {
    const rig = new GroupRig(options);
    await rig.users(...userIds);
    const [creator = '', ...others] = userIds;
    return [rig, await rig.made(creator, others)];
  }

  async made(
    creator: string,
    members: readonly string[],
    more: { requestId?: string; name?: string; history?: 'all' | 'sinceJoin' } = {},
  ): Promise<string> {
    const { requestId = 'r1', name = 'Group', history = 'all' } = more;
    const group = this.group(groupIdOf(creator, requestId));
    const params = { name, members, requestId, history };
    return (await this.time.drive(group.create(creator, params, this.deadline()))).conversationId;
  }

  group(groupId: string, node = this.node): Group {
    return node.registry.group(groupId);
  }

  messageId(from: string, suffix = String(++this.#sent)): string {
    return `${this.time.wallMs()}.${from}.d1.${suffix}`;
  }

  say(
    from: string,
    groupId: string,
    text: string,
    more: { messageId?: string; after?: string } = {},
  ): Promise<SendMessageResult> {
    const params = { conversationId: groupId, text, messageId: this.messageId(from), ...more };
    return this.time.drive(this.group(groupId).send(from, params, this.deadline()));
  }

  /** Rejects as the call does. */
  edit(
    from: string,
    conversationId: string,
    seq: number,
    text: string,
    messageId = this.messageId(from),
  ): Promise<EditMessageResult> {
    const params = { conversationId, seq, text, messageId };
    return this.time.drive(this.group(conversationId).edit(from, params, this.deadline()));
  }

  /** Rejects as the call does. */
  remove(
    from: string,
    conversationId: string,
    seq: number,
    messageId = this.messageId(from),
  ): Promise<DeleteMessageResult> {
    const params = { conversationId, seq, messageId };
    return this.time.drive(this.group(conversationId).delete(from, params, this.deadline()));
  }

  /** Lets everything that is under way come to its end. */
  settle(ms = 1_000): Promise<void> {
    return this.time.run(ms);
  }

  /** How the user's list shows the group. */
  async entry(userId: string, groupId: string): Promise<Conversation | undefined> {
    const asked = this.mailbox(userId).call('getConversations', { limit: 100, offset: 0 }, this.deadline());
    const { conversations } = await this.time.drive(asked);
    return conversations.find(({ conversationId }) => conversationId === groupId);
  }

  /** Rejects as the call does. */
  mark(userId: string, conversationId: string, seq: number): Promise<MarkResult> {
    const asked = this.mailbox(userId).call('markRead', { conversationId, seq }, this.deadline());
    return this.time.drive(asked);
  }

  /** Texts that the user reads in the group, oldest first. */
  async texts(userId: string, groupId: string): Promise<readonly string[]> {
    const params = { conversationId: groupId, limit: 200 };
    const page = await this.time.drive(this.group(groupId).messages(userId, params, this.deadline()));
    return page.messages.map(({ text }) => text).reverse();
  }

  /** The user's feed since the beginning, in short: texts of messages, `~text` where one has changed, `=name` for the group's entry, `left`, `read n`, `user delivered read`. */
  async feed(userId: string, limit = 50): Promise<readonly string[]> {
    const changes = await this.time.drive(
      allChanges(this.mailbox(userId), '0', limit, this.deadline(100_000)),
    );
    return (changes ?? []).map((change) => {
      switch (change.kind) {
        case 'edited':
        case 'deleted':
          return `~${change.message.text}`;
        case 'message':
          return change.message.text;
        case 'read':
          return `read ${change.readSeq}`;
        case 'receipt':
          return `${change.userId} ${change.deliveredSeq} ${change.readSeq}`;
        case 'contact':
          return change.userId;
        case 'conversation':
          return change.left === true ? 'left' : `=${change.conversation.name}`;
      }
    });
  }
}
