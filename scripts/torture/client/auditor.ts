import type { FinalView } from '../history.ts';
import type { Device } from './device.ts';
import { type Conversation, isDm, type Member, type Message } from './protocol-shapes.ts';

const listLimit = 100;
const pageLimit = 200;

/** A view could not be read in time: what it shows is not known. */
export class AuditError extends Error {}

/** Reads everything that a user can see. */
export class Auditor {
  readonly #userId: string;
  readonly #device: Device;
  readonly #mayGoOn: () => boolean;

  constructor(userId: string, device: Device, mayGoOn: () => boolean) {
    this.#userId = userId;
    this.#device = device;
    this.#mayGoOn = mayGoOn;
  }

  /** @param written conversations to read also when the list lacks them @throws AuditError */
  async view(written: Iterable<string>): Promise<FinalView> {
    const conversations = await this.#list();
    const ids = new Set([...conversations.map(({ conversationId }) => conversationId), ...written]);
    const messages = new Map<string, readonly Message[]>();
    for (const conversationId of ids) {
      const found = await this.#messages(conversationId);
      if (found !== undefined) messages.set(conversationId, found);
    }
    const members = new Map<string, readonly Member[]>();
    for (const { conversationId } of conversations)
      if (!isDm(conversationId)) members.set(conversationId, await this.#members(conversationId));
    return { userId: this.#userId, conversations, messages, members, blocked: await this.#blocked() };
  }

  async #list(): Promise<readonly Conversation[]> {
    const found: Conversation[] = [];
    for (;;) {
      const params = { limit: listLimit, offset: found.length };
      const outcome = await this.#device.insist('getConversations', params, this.#mayGoOn);
      if (outcome?.kind !== 'ok') throw new AuditError(`${this.#userId}: the list cannot be read`);
      found.push(...outcome.result.conversations);
      if (!outcome.result.hasMore) return found;
    }
  }

  /** None where the server says that there is no such group by now. */
  async #members(conversationId: string): Promise<readonly Member[]> {
    const params = { conversationId, limit: listLimit, offset: 0 };
    const outcome = await this.#device.insist('getMembers', params, this.#mayGoOn);
    if (outcome?.kind === 'error' && outcome.error === 'not_found') return [];
    if (outcome?.kind === 'ok' && !outcome.result.hasMore) return outcome.result.members;
    throw new AuditError(`${this.#userId}: the members of ${conversationId} cannot be read`);
  }

  async #blocked(): Promise<readonly string[]> {
    const outcome = await this.#device.insist('getBlocked', { limit: listLimit, offset: 0 }, this.#mayGoOn);
    if (outcome?.kind !== 'ok') throw new AuditError(`${this.#userId}: the blocks cannot be read`);
    return outcome.result.users.map(({ userId }) => userId);
  }

  /** Undefined where the server says that there is none. */
  async #messages(conversationId: string): Promise<readonly Message[] | undefined> {
    const found: Message[] = [];
    for (;;) {
      const before = found.at(-1)?.seq;
      const params = { conversationId, limit: pageLimit, ...(before !== undefined && { before }) };
      const outcome = await this.#device.insist('getMessages', params, this.#mayGoOn);
      if (outcome?.kind === 'error' && outcome.error === 'not_found') return undefined;
      if (outcome?.kind !== 'ok') throw new AuditError(`${this.#userId}: ${conversationId} cannot be read`);
      found.push(...outcome.result.messages);
      if (!outcome.result.hasMore) return found.toReversed();
    }
  }
}
