import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chatCorpus } from '../../../scripts/replay/chat-corpus.ts';
import { ReplayRun } from '../../../scripts/replay/replay-run.ts';
import { SeededRandom } from '../../../scripts/replay/seeded-random.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import type { Message } from '../../../src/protocol/message.ts';
import { FakeServer } from '../../support/fake-server.ts';
import { FakeBackend } from '../../support/fake-backend.ts';
import type { Params } from '../../support/fake-backend.ts';

/** Answers each call as the fake does, but for what `spoil` makes of the answer. */
class SpoiledBackend extends FakeBackend {
  readonly #spoil: (method: string, answer: object, userId: string) => object;

  constructor(spoil: (method: string, answer: object, userId: string) => object) {
    super();
    this.#spoil = spoil;
  }

  override answer(userId: string, method: string, params: Params): object {
    return this.#spoil(method, structuredClone(super.answer(userId, method, params)), userId);
  }
}

let server: FakeServer | undefined;

beforeEach(() => {
  server = undefined;
});

afterEach(async () => {
  await server?.stop();
});

/** Refuses a send now and then. */
function refuseSome(): FakeServer['intercept'] {
  let sends = 0;
  return ({ method }) =>
    method === 'sendMessage' && ++sends % 97 === 0 ? new ProtocolError('overloaded', 'later') : 'answer';
}

interface ReplayOptions {
  readonly duplicates?: number;
  readonly reconnects?: number;
  readonly intercept?: FakeServer['intercept'];
}

async function replay(backend: FakeBackend, options: ReplayOptions = {}) {
  server = await FakeServer.start(backend);
  server.intercept = options.intercept ?? refuseSome();
  const run = new ReplayRun({
    wsUrls: [server.wsUrl],
    messages: 400,
    users: 12,
    seed: 7,
    duplicates: options.duplicates ?? 0.1,
    reconnects: options.reconnects ?? 0.05,
    concurrency: 6,
    onProgress: () => undefined,
  });
  const report = await run.run();
  return { report, shown: run.violations.shown };
}

describe('replay', () => {
  test('finds nothing wrong with a server that keeps its promises', async () => {
    const { report, shown } = await replay(new FakeBackend());
    expect(shown).toEqual([]);
    expect(report).toMatchObject({ messages: 400, users: 12, acked: 400, violations: 0 });
    expect(report.duplicates).toBeGreaterThan(10);
    expect(report.reconnects).toBeGreaterThan(5);
    expect(report.conversations).toBeGreaterThan(10);
  });

  test('takes no offence where a connection breaks before a refusal is heard', async () => {
    let sends = 0;
    const intercept: FakeServer['intercept'] = ({ method }) => {
      if (method !== 'sendMessage' || ++sends % 31 !== 0) return 'answer';
      setTimeout(() => server?.closeSockets(4000), 5);
      return 'ignore';
    };
    const { report, shown } = await replay(new FakeBackend(), { reconnects: 0, intercept });
    expect(shown).toEqual([]);
    expect(report.acked).toBe(400);
  });

  type Page = { messages: Message[] };
  test.each<[string, string, (method: string, answer: object, userId: string) => object]>([
    [
      'G1',
      'lacks acknowledged message',
      (method, answer) =>
        method === 'getMessages' ? { ...answer, messages: (answer as Page).messages.slice(1) } : answer,
    ],
    [
      'G2',
      'has a message twice',
      (method, answer) =>
        method === 'getMessages'
          ? { ...answer, messages: (answer as Page).messages.flatMap((message) => [message, message]) }
          : answer,
    ],
    [
      'G5',
      'copies',
      (method, answer, userId) => {
        const first = method === 'getMessages' ? (answer as Page).messages[0] : undefined;
        if (first?.from === userId) Object.assign(first, { text: 'another text' });
        return answer;
      },
    ],
    [
      'G9',
      'unread',
      (method, answer) => {
        if (method !== 'getConversations') return answer;
        for (const conversation of (answer as { conversations: { unread: number }[] }).conversations) {
          conversation.unread++;
        }
        return answer;
      },
    ],
    [
      'G8',
      'feed',
      (method, answer) =>
        method === 'getChanges' && 'changes' in answer
          ? { ...answer, changes: (answer.changes as object[]).slice(1) }
          : answer,
    ],
    [
      'G2',
      'then as seq',
      (method, answer) =>
        method === 'sendMessage' && 'duplicate' in answer && answer.duplicate === true
          ? { ...answer, seq: 1 }
          : answer,
    ],
  ])('%s: notices where an answer is wrong: %s', async (guarantee, detail, spoil) => {
    const { report, shown } = await replay(new SpoiledBackend(spoil), { duplicates: 0.3 });
    expect(report.violations).toBeGreaterThan(0);
    expect(shown.some((line) => line.startsWith(guarantee) && line.includes(detail))).toBe(true);
  });

  test('G3: notices seqs out of order', async () => {
    const { shown } = await replay(
      new SpoiledBackend((method, answer) =>
        method === 'sendMessage' && 'seq' in answer ? { ...answer, seq: 1e6 - Number(answer.seq) } : answer,
      ),
      { duplicates: 0 },
    );
    expect(shown.some((line) => line.startsWith('G3'))).toBe(true);
  });
});

describe('the corpus', () => {
  const corpus = (seed: number) => [...chatCorpus(new SeededRandom(seed), 200, 5_000)];
  const textsOf = (seed: number) => corpus(seed).flatMap((burst) => burst.flatMap(({ texts }) => texts));

  test('is the same for the same seed, another for another', () => {
    expect(corpus(1)).toEqual(corpus(1));
    expect(corpus(1)).not.toEqual(corpus(2));
  });

  test('has as many messages as asked for, skewed, in many scripts, some very long', () => {
    const texts = textsOf(1);
    expect(texts).toHaveLength(5_000);
    const bytes = texts.map((text) => Buffer.byteLength(text));
    expect(Math.max(...bytes)).toBeGreaterThan(2_000);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(8_192);
    expect(bytes.filter((count) => count < 60).length).toBeGreaterThan(3_000);
    for (const script of [
      /\p{Script=Han}/u,
      /\p{Script=Arabic}/u,
      /\p{Script=Hebrew}/u,
      /\p{Emoji_Presentation}/u,
    ]) {
      expect(texts.some((text) => script.test(text))).toBe(true);
    }
    expect(texts.every((text) => text.isWellFormed() && text !== '')).toBe(true);
    const written = new Map<number, number>();
    for (const { from, texts: said } of corpus(1).flat())
      written.set(from, (written.get(from) ?? 0) + said.length);
    const counts = [...written.values()].sort((a, b) => b - a);
    const busiest = counts.slice(0, 20).reduce((sum, count) => sum + count, 0);
    expect(busiest).toBeGreaterThan(1_500);
  });
});
