import type { MailringClient } from '../client/mailring-client.ts';
import type { GetMembersResult } from '../protocol/calls.ts';

export type Member = GetMembersResult['members'][number];

export interface GroupBookParts {
  readonly client: Pick<MailringClient, 'call'>;
  /** A string that is never given twice. */
  readonly nextId: () => string;
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
}

const pageLimit = 200;
/** Of a larger group the page shows the first ones. */
const shownMax = 1_000;

/** Who is in the groups that were opened here, how far they have read, and what a member does to a group. */
export class GroupBook {
  readonly #parts: GroupBookParts;
  readonly #members = new Map<string, readonly Member[]>();
  /** Groups being loaded; true: and once more after that. */
  readonly #loading = new Map<string, boolean>();

  constructor(parts: GroupBookParts) {
    this.#parts = parts;
  }

  /** Empty until they are loaded. */
  membersOf(groupId: string): readonly Member[] {
    return this.#members.get(groupId) ?? [];
  }

  /** Loads the members, anew where they may have changed. */
  load(groupId: string): void {
    const isLoading = this.#loading.has(groupId);
    this.#loading.set(groupId, isLoading);
    if (!isLoading) void this.#load(groupId);
  }

  /** Somebody came, went or got a name: members that are on show are loaded again. */
  refresh(groupId: string): void {
    if (this.#members.has(groupId)) this.load(groupId);
  }

  forget(groupId: string): void {
    this.#members.delete(groupId);
  }

  /** Marks never move back, whichever comes first: what was loaded or what was told. */
  markReceipt(groupId: string, told: Pick<Member, 'userId' | 'deliveredSeq' | 'readSeq'>): void {
    const members = this.#members.get(groupId);
    if (members === undefined) return;
    this.#members.set(
      groupId,
      members.map((member) => (member.userId === told.userId ? furthest(member, told) : member)),
    );
  }

  /** How far all others have got. */
  marksOf(groupId: string, ownId: string): { readonly deliveredSeq: number; readonly readSeq: number } {
    const others = this.membersOf(groupId).filter(({ userId }) => userId !== ownId);
    if (others.length === 0) return { deliveredSeq: 0, readSeq: 0 };
    return {
      deliveredSeq: Math.min(...others.map(({ deliveredSeq }) => deliveredSeq)),
      readSeq: Math.min(...others.map(({ readSeq }) => readSeq)),
    };
  }

  /** @returns the new group's id. Rejects with CallError. */
  async create(name: string, members: readonly string[]): Promise<string> {
    const { client, nextId } = this.#parts;
    return (await client.call('createGroup', { name, members, requestId: nextId() })).conversationId;
  }

  rename(conversationId: string, name: string): void {
    this.#run(this.#parts.client.call('renameGroup', { conversationId, name }));
  }

  add(conversationId: string, userId: string): void {
    this.#run(this.#parts.client.call('addMembers', { conversationId, members: [userId] }));
  }

  remove(conversationId: string, userId: string): void {
    this.#run(this.#parts.client.call('removeMembers', { conversationId, members: [userId] }));
  }

  leave(conversationId: string): void {
    this.#run(this.#parts.client.call('leaveGroup', { conversationId }));
  }

  /** What comes of it is told by the feed. */
  #run(call: Promise<unknown>): void {
    call.catch((error: unknown) => this.#parts.failed(error));
  }

  async #load(conversationId: string): Promise<void> {
    const { client, changed, failed } = this.#parts;
    try {
      const loaded: Member[] = [];
      for (let hasMore = true; hasMore && loaded.length < shownMax;) {
        const params = { conversationId, limit: pageLimit, offset: loaded.length };
        const page = await client.call('getMembers', params);
        loaded.push(...page.members);
        ({ hasMore } = page);
      }
      const known = new Map(this.membersOf(conversationId).map((member) => [member.userId, member]));
      const members = loaded.map((member) => furthest(member, known.get(member.userId) ?? member));
      this.#members.set(conversationId, members);
      changed();
    } catch (error) {
      failed(error);
    }
    const isAgain = this.#loading.get(conversationId) === true;
    this.#loading.delete(conversationId);
    if (isAgain) this.load(conversationId);
  }
}

function furthest(member: Member, other: Pick<Member, 'deliveredSeq' | 'readSeq'>): Member {
  const deliveredSeq = Math.max(member.deliveredSeq, other.deliveredSeq);
  return { ...member, deliveredSeq, readSeq: Math.max(member.readSeq, other.readSeq) };
}
