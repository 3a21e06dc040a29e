import { chatText } from './chat-text.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What one side says before the other one answers; the texts are sent without waiting for each other. */
export interface ChatTurn {
  /** Index of the user who writes. */
  readonly from: number;
  readonly to: number;
  readonly texts: readonly string[];
  /** Whether the first text answers the conversation's last message. */
  readonly isReply: boolean;
  /** Whether the one who is written to reads it. */
  readonly isRead: boolean;
}

/** A burst of conversation between two users, as a list of turns, each after the one before it. */
export type ChatBurst = readonly ChatTurn[];

const contactsMean = 12;
const turnsMean = 5;
const textsMean = 1.7;

/**
 * A chat history among `users` people with `messages` messages in all, the same for the same random sequence:
 * a few people write and get most of it, everyone has favourites among their contacts, talk comes in bursts.
 */
export function* chatCorpus(random: SeededRandom, users: number, messages: number): Generator<ChatBurst> {
  const contacts = Array.from({ length: users }, (_, user) => contactsOf(random, user, users));
  let left = messages;
  while (left > 0) {
    const burst: ChatTurn[] = [];
    const first = random.skewedBelow(users);
    const known = contacts[first] ?? [];
    const second = known[random.skewedBelow(known.length)] ?? (first + 1) % users;
    const turns = random.geometric(turnsMean);
    for (let turn = 0; turn < turns && left > 0; turn++) {
      const texts = Array.from({ length: Math.min(left, random.geometric(textsMean)) }, () =>
        chatText(random),
      );
      left -= texts.length;
      const [from, to] = turn % 2 === 0 ? [first, second] : [second, first];
      burst.push({ from, to, texts, isReply: random.chance(0.08), isRead: random.chance(0.4) });
    }
    yield burst;
  }
}

function contactsOf(random: SeededRandom, user: number, users: number): number[] {
  const contacts = new Set<number>();
  const wanted = Math.min(users - 1, random.geometric(contactsMean));
  while (contacts.size < wanted) {
    const other = random.chance(0.5) ? random.skewedBelow(users) : random.below(users);
    if (other !== user) contacts.add(other);
  }
  return [...contacts];
}
