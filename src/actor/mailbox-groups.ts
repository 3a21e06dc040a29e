import type { Bulletin, MemberNews, Told } from '../conversation/bulletin.ts';
import type {
  MailboxAnswer,
  MailboxInput,
  MailboxQuery,
  MailboxResult,
} from '../mailbox/mailbox-behaviour.ts';
import type { MailboxState } from '../mailbox/mailbox-state.ts';
import type { GetChangesParams, GetChangesResult } from '../protocol/calls.ts';
import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';
import type { RowVersion } from '../row/row-version.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Passed } from './behaviour.ts';
import { expandFeed } from './expand-feed.ts';
import type { MailboxTypes } from './mailbox-entity.ts';
import type { MailboxHost } from './mailbox-host.ts';
import { markGroup } from './mark-group.ts';

/** The mailbox that the groups are those of. Its methods reject with ProtocolError. */
export interface GroupMember {
  readonly userId: string;
  readonly state: MailboxState | undefined;
  submit(input: MailboxInput, deadline: number): Promise<Exclude<MailboxResult, Refusal>>;
  passAtOnce(input: MailboxInput, stored: RowVersion | undefined): Passed<MailboxTypes> | undefined;
  query(query: MailboxQuery, deadline: number): Promise<Exclude<MailboxAnswer, Refusal>>;
}

/**
 * What the large groups are asked for: the list is exact, so all are asked. The feed may have something later, so those
 * that tell this node of themselves are not; it names what was only pushed, as the list does. To tell a device that is
 * behind, all are asked, as what was told may be what was missed.
 */
type Purpose = 'list' | 'feed' | 'push';

/** For what nobody waits for, ms. */
const backgroundMs = 5_000;
/** For asking groups before a read of the feed, which goes on without them, ms. */
const beforeFeedMs = 3_000;
/** How often a read is begun anew because its user was found in a large group that had not been asked. */
const roundsMax = 4;
/** Failures in a row to ask for what a device should be told; after them the next bulletin is what makes it ask again. */
const triesMax = 6;
const retry = { baseMs: 50, maxMs: 2_000 };

/**
 * What one mailbox has to do with groups. Small ones tell it everything. Large ones are asked, of each node in one go,
 * before the mailbox is read; while somebody listens on its feed they tell it of their messages as they come.
 */
export class MailboxGroups {
  readonly #member: GroupMember;
  readonly #host: MailboxHost;
  /** Work that must not see the mailbox leave memory. */
  #underWay = 0;
  #isAsking = false;
  /** Something was missed since the last question began. */
  #isBehind = false;

  constructor(member: GroupMember, host: MailboxHost) {
    this.#member = member;
    this.#host = host;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** After a load or a commit. */
  changed({ large }: MailboxState): void {
    const { userId } = this.#member;
    if (this.#host.isWatched(userId)) this.#host.follows.follow(userId, large);
  }

  /** A mark in a group, after everything that the group has. */
  mark(groupId: string, mark: MailboxInput, deadline: number): Promise<object> {
    const news = (): Promise<MemberNews> => {
      const { lastSeq: seq = 0, op = 0 } = this.#member.state?.groups.get(groupId) ?? {};
      return this.#host.groups.news(groupId, this.#member.userId, { seq, op }, deadline);
    };
    const submit = (input: MailboxInput): Promise<object> => this.#member.submit(input, deadline);
    return this.#whileHere(() => markGroup(news, submit, mark));
  }

  /** A page of the feed, with the messages of groups in their places. */
  changes(params: GetChangesParams, deadline: number): Promise<GetChangesResult> {
    return this.#whileHere(async () => {
      const read = (): Promise<object> => this.#member.query({ kind: 'feed', params }, deadline);
      const catchUp = (): Promise<ReadonlySet<string>> => this.#catchUpForFeed(deadline);
      const answer = (await this.#upToDate(read, catchUp)) as Exclude<MailboxAnswer, Refusal>;
      if (!('kind' in answer) || answer.kind !== 'feed')
        throw new ProtocolError('internal', 'internal error');
      if (this.#member.state !== undefined) this.changed(this.#member.state);
      const { userId } = this.#member;
      return expandFeed({ userId, params }, answer.page, this.#host.groups, deadline);
    });
  }

  /** What is read after all groups have told what they have. */
  read<Answer>(ask: () => Promise<Answer>, deadline: number): Promise<Answer> {
    return this.#whileHere(() => this.#upToDate(ask, () => this.#catchUp('list', deadline)));
  }

  /**
   * What a large group tells those who listen, where nothing has to be written, waited for or asked for that.
   * @param stored as in `Actor.passAtOnce` @returns false: it has to be told by `hear`
   */
  hearAtOnce(bulletin: Bulletin, stored: RowVersion | undefined): boolean {
    try {
      const passed = this.#member.passAtOnce({ kind: 'liveNews', bulletin }, stored);
      if (passed === undefined) return false;
      if ('isBehind' in passed.result && (passed.result.isBehind ?? false)) this.askSoon();
    } catch (error) {
      this.#failed(error);
      this.askSoon();
    }
    return true;
  }

  /** The same in its turn. */
  hear(bulletin: Bulletin): void {
    const deadline = this.#host.time.monotonicMs() + backgroundMs;
    const told = this.#whileHere(() => this.#member.submit({ kind: 'liveNews', bulletin }, deadline));
    told.then(
      (result) => {
        if ('isBehind' in result && (result.isBehind ?? false)) this.askSoon();
      },
      (error: unknown) => {
        this.#failed(error);
        this.askSoon();
      },
    );
  }

  /** Asks the large groups for what the mailbox may have missed, for those who listen on its feed. */
  askSoon(): void {
    this.#isBehind = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    void this.#whileHere(() => this.#askAll());
  }

  async #askAll(): Promise<void> {
    const { time, random } = this.#host;
    for (let failures = 0; this.#isBehind && failures < triesMax;) {
      this.#isBehind = false;
      try {
        await this.#catchUp('push', time.monotonicMs() + backgroundMs);
        failures = 0;
      } catch (error) {
        this.#failed(error);
        this.#isBehind = true;
        const waitMs = backoffDelayMs(retry, failures++, random);
        await new Promise<void>((resolve) => {
          time.after(waitMs, resolve);
        });
      }
      if (!this.#host.isWatched(this.#member.userId)) break;
    }
    // In one go with the last look at what was missed: who comes in between would find it being asked, and nobody asking.
    this.#isAsking = false;
  }

  /**
   * Asked again where the answer may know of large groups that were not asked: those of a mailbox that was not in memory,
   * or that another node has written meanwhile, come out only with it.
   */
  async #upToDate<Answer>(
    ask: () => Promise<Answer>,
    catchUp: () => Promise<ReadonlySet<string>>,
  ): Promise<Answer> {
    for (let rounds = 0; rounds < roundsMax; rounds++) {
      const asked = await catchUp();
      const answer = await ask();
      const { state } = this.#member;
      if (state !== undefined && [...state.large].every((groupId) => asked.has(groupId))) return answer;
    }
    throw new ProtocolError('unavailable', 'the groups of this user change too fast; try again');
  }

  /** The feed is right without them too: what is not there yet comes later. */
  async #catchUpForFeed(deadline: number): Promise<ReadonlySet<string>> {
    const { time } = this.#host;
    const wanted = new Set(this.#member.state?.large);
    try {
      return await this.#catchUp('feed', Math.min(deadline, time.monotonicMs() + beforeFeedMs));
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.kind === 'moved' || error.kind === 'internal')
        throw error;
      // What was only pushed is told to whoever reads on; nothing else would make it do so.
      if ((this.#member.state?.tail.ranges.length ?? 0) > 0)
        await this.#member.submit({ kind: 'flush' }, deadline);
      return wanted;
    }
  }

  /** @returns the large groups that were known of; none where the mailbox is not in memory */
  async #catchUp(purpose: Purpose, deadline: number): Promise<ReadonlySet<string>> {
    const { state } = this.#member;
    if (state === undefined || state.large.size === 0) return new Set();
    let asked = new Set(state.large);
    let news = await this.#news(state, purpose, deadline);
    while (news.some(({ isPartial }) => isPartial === true)) {
      await Promise.all(news.map((one) => this.#member.submit(one, deadline)));
      const { state: present } = this.#member;
      asked = new Set(present?.large);
      news = present === undefined ? [] : await this.#news(present, purpose, deadline);
    }
    const inputs: MailboxInput[] = [...news];
    // What is read names what was told; the list also what is told before it is the turn of these.
    const wasTold = (this.#member.state?.tail.ranges.length ?? 0) > 0;
    if (purpose === 'list' || (purpose === 'feed' && wasTold)) inputs.push({ kind: 'flush' });
    await Promise.all(inputs.map((input) => this.#member.submit(input, deadline)));
    return asked;
  }

  #news(
    { large, groups, tail }: MailboxState,
    purpose: Purpose,
    deadline: number,
  ): Promise<readonly MemberNews[]> {
    const { follows, groups: port } = this.#host;
    const known = new Map<string, Told>();
    for (const groupId of large) {
      const { lastSeq, op } = groups.get(groupId) ?? { lastSeq: 0, op: 0 };
      const seq = tail.groups.get(groupId)?.lastSeq ?? lastSeq;
      if (purpose === 'feed' && follows.isCurrent(groupId, { seq, op })) continue;
      // What was only pushed is not known durably.
      known.set(groupId, { seq: lastSeq, op });
    }
    if (known.size === 0) return Promise.resolve([]);
    return port.newsOfAll(this.#member.userId, known, deadline);
  }

  async #whileHere<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
    }
  }

  #failed(error: unknown): void {
    if (error instanceof ProtocolError && error.kind !== 'internal') return;
    this.#host.alarm(error, `groups of ${this.#member.userId}`);
  }
}
