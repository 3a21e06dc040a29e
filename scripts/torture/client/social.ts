import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { Device } from './device.ts';

export interface SocialOptions {
  readonly devices: readonly Device[];
  readonly friends: readonly string[];
  /** Who is nobody to this person: never written to, never invited. */
  readonly strangers: readonly string[];
  readonly random: SeededRandom;
  readonly mayInsist: () => boolean;
}

/** What a person does besides talking: blocks others, watches who is there, types. */
export class Social {
  readonly #options: SocialOptions;
  readonly #blocked = new Set<string>();

  constructor(options: SocialOptions) {
    this.#options = options;
  }

  /** Blocks a friend, or ends a block: at most one at a time, so that most can talk. */
  async turnBlock(): Promise<void> {
    const { friends, random } = this.#options;
    const [userId] = this.#blocked;
    if (userId === undefined) await this.#block(random.pick(friends));
    else await this.#unblock(userId);
  }

  /** Ends what is blocked, or not; also when nothing else is insisted on any more. */
  async forgive(mayGoOn: () => boolean): Promise<void> {
    for (const userId of this.#blocked)
      if (this.#options.random.chance(0.5)) await this.#unblock(userId, mayGoOn);
  }

  /** Watches some on one of the lines. */
  async watch(): Promise<void> {
    const { friends, strangers, random } = this.#options;
    const userIds = [...friends, ...strangers].filter(() => random.chance(0.5));
    if (userIds.length > 0) await random.pick(this.#options.devices).call('watchPresence', { userIds });
  }

  /** Watches everybody on each line that is open. */
  async watchAll(): Promise<void> {
    const { devices, friends, strangers } = this.#options;
    const userIds = [...new Set([...friends, ...strangers])];
    const lines = devices.flatMap((device) => device.lines);
    await Promise.all(lines.map(async (line) => line.call('watchPresence', { userIds })));
  }

  async type(conversationId: string, on: boolean): Promise<void> {
    const { devices, random } = this.#options;
    await random.pick(devices).call('typing', { conversationId, on });
  }

  async #block(userId: string): Promise<void> {
    const { devices, random, mayInsist } = this.#options;
    this.#blocked.add(userId);
    await random.pick(devices).insist('blockUser', { userId }, mayInsist);
  }

  /** One after the other: only then is it known which of the two counts. */
  async #unblock(userId: string, mayGoOn = this.#options.mayInsist): Promise<void> {
    const { devices, random } = this.#options;
    const outcome = await random.pick(devices).insist('unblockUser', { userId }, mayGoOn);
    if (outcome?.kind === 'ok') this.#blocked.delete(userId);
  }
}
