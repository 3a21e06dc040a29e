import { fittingPage } from '../conversation/message-page.ts';
import type { GetMessagesParams, GetMessagesResult } from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import {
  indexAbove,
  insertMessages,
  type ConversationState,
  type MailboxState,
  type StoredMessage,
} from './mailbox-state.ts';
import { wireMessage } from './wire-view.ts';

/** How much of the seq space one read covers at first when it looks for the oldest messages above a seq. */
const firstWindowPerMessage = 4;

interface Page {
  readonly messages: readonly StoredMessage[];
  readonly hasMore: boolean;
}

/**
 * A page read from the store that begins right below the run makes the run longer, so that the next one
 * comes from memory; what the cache drops again is up to its policy.
 */
function keep(
  state: MailboxState,
  conversation: ConversationState,
  newestFirst: readonly StoredMessage[],
  below: number,
  hasMore: boolean,
): void {
  if (below <= conversation.runAbove) return;
  const older = newestFirst.filter((message) => message.seq <= conversation.runAbove);
  insertMessages(state, conversation, older.toReversed());
  conversation.runAbove = hasMore ? (newestFirst.at(-1)?.seq ?? 1) - 1 : 0;
}

function newestFirst(
  state: MailboxState,
  conversation: ConversationState,
  params: GetMessagesParams,
  loaded: LoadedRanges,
): Step<Page> {
  const { messages, runAbove, head } = conversation;
  const { limit, offset = 0 } = params;
  const below = Math.min(params.before ?? Infinity, head.lastSeq + 1);
  // There are no more messages than seqs.
  if (offset >= below) return done({ messages: [], hasMore: false });
  const end = indexAbove(messages, below - 1);
  if (end >= offset + limit + 1 || (runAbove === 0 && below > 0)) {
    const stop = Math.max(0, end - offset);
    const page = messages.slice(Math.max(0, stop - limit), stop).reverse();
    return done({ messages: page, hasMore: stop > limit });
  }
  const range = messageRange(conversation, 0, below, limit + 1, offset);
  const cells = loaded.cells(range, conversation.touchedVersion);
  if (cells === undefined) return need(range);
  const page = cells.slice(0, limit).map(messageOf);
  const hasMore = cells.length > limit;
  if (offset === 0) keep(state, conversation, page, below, hasMore);
  return done({ messages: page, hasMore });
}

function oldestFirst(
  conversation: ConversationState,
  params: GetMessagesParams,
  after: number,
  loaded: LoadedRanges,
): Step<Page> {
  const { messages, runAbove, head } = conversation;
  const { limit } = params;
  const last = Math.min((params.before ?? Infinity) - 1, head.lastSeq);
  if (after >= last) return done({ messages: [], hasMore: false });
  if (after >= runAbove) {
    const found = messages.slice(indexAbove(messages, after), indexAbove(messages, last));
    return done({ messages: found.slice(0, limit), hasMore: found.length > limit });
  }
  // Messages are stored newest first: take windows above `after` until one has enough, or ends at the last seq.
  // Seqs are dense, so the first one nearly always does.
  for (let window = firstWindowPerMessage * (limit + 1); ; window *= 4) {
    const upTo = Math.min(after + window, last);
    const range = messageRange(conversation, after, upTo + 1, upTo - after);
    const cells = loaded.cells(range, conversation.touchedVersion);
    if (cells === undefined) return need(range);
    if (cells.length > limit || upTo === last) {
      const page = cells.slice(-limit).map(messageOf).reverse();
      return done({ messages: page, hasMore: cells.length > limit });
    }
  }
}

/** `getMessages`: newest first, or oldest first above `after`; a page ends where its bytes do; `hasMore` is exact. */
export function queryMessages(
  state: MailboxState,
  params: GetMessagesParams,
  loaded: LoadedRanges,
): Step<GetMessagesResult | Refusal> {
  const conversation = state.conversations.get(params.conversationId);
  if (conversation === undefined) return done(refusal('not_found', 'no such conversation'));
  const page =
    params.after === undefined
      ? newestFirst(state, conversation, params, loaded)
      : oldestFirst(conversation, params, params.after, loaded);
  if (page.kind === 'need') return page;
  const messages = fittingPage(page.result.messages);
  return done({
    messages: messages.map((message) => wireMessage(state.userId, conversation, message)),
    hasMore: page.result.hasMore || messages.length < page.result.messages.length,
  });
}
