import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../protocol/message.ts';
import type { OutboxEntry } from './outbox.ts';
import { clockTime, dayName, dayOf } from './time-text.ts';
import type { Timeline } from './timeline.ts';

const nearTopPixels = 400;
const nearBottomPixels = 80;

/** What can be done with own messages: with those on their way, and with those that are stored. */
export interface MessageActions {
  readonly retry: (messageId: string) => void;
  readonly discard: (messageId: string) => void;
  readonly edit: (message: Message) => void;
  readonly remove: (message: Message) => void;
}

/** The messages of a conversation, oldest on top, then those that are still on their way. */
export function MessageList(props: {
  readonly ownId: string;
  readonly timeline: Timeline;
  readonly outbox: readonly OutboxEntry[];
  readonly peer: PeerMarks;
  /** In a group: what authors are called. */
  readonly nameOf: ((userId: string) => string) | undefined;
  readonly onTop: () => void;
  readonly actions: MessageActions;
}): JSX.Element {
  const { ownId, timeline, outbox, actions } = props;
  const { messages, isLoaded, isLoading, hasOlder } = timeline;
  const box = useRef<HTMLDivElement>(null);
  /** How the list was last seen: whether at its end, and how far the end of it was away. */
  const view = useRef({ isAtEnd: true, fromEnd: 0, oldestSeq: 0, ownCount: 0 });

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const oldestSeq = timeline.oldestSeq ?? 0;
    const hasGrownUpwards = view.current.oldestSeq !== 0 && oldestSeq < view.current.oldestSeq;
    const hasWritten = outbox.length > view.current.ownCount;
    if (view.current.isAtEnd || hasWritten) element.scrollTop = element.scrollHeight;
    else if (hasGrownUpwards) element.scrollTop = element.scrollHeight - view.current.fromEnd;
    view.current = { ...view.current, oldestSeq, ownCount: outbox.length };
    remember(element);
    if (isLoaded && hasOlder && !isLoading && element.scrollTop < nearTopPixels) props.onTop();
  });

  const remember = (element: HTMLElement): void => {
    const fromEnd = element.scrollHeight - element.scrollTop;
    view.current = { ...view.current, fromEnd, isAtEnd: fromEnd - element.clientHeight < nearBottomPixels };
  };

  return (
    <div
      class="messages"
      ref={box}
      role="log"
      tabIndex={0}
      aria-label="Messages"
      onScroll={(event) => {
        remember(event.currentTarget);
        if (isLoaded && event.currentTarget.scrollTop < nearTopPixels) props.onTop();
      }}
    >
      {(isLoading || !isLoaded) && <p class="hint">Loading…</p>}
      {isLoaded && !hasOlder && messages.length > 0 && <p class="hint">This is where it began.</p>}
      {isLoaded && messages.length === 0 && outbox.length === 0 && <p class="hint">Say hello.</p>}
      {messages.map((message, place) => (
        <MessageRow
          key={message.seq}
          message={message}
          previous={messages[place - 1]}
          isOwn={message.from === ownId}
          author={message.from === ownId ? undefined : props.nameOf?.(message.from)}
          progress={progressOf(message.seq, props.peer)}
          actions={actions}
        />
      ))}
      {outbox.map((entry) => (
        <OutboxRow key={entry.messageId} entry={entry} actions={actions} />
      ))}
    </div>
  );
}

/** How far the other side of a chat has got; of a group all others. */
export interface PeerMarks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

type Progress = 'stored' | 'delivered' | 'read';

const progressTitles: Record<Progress, string> = {
  stored: 'stored by the server',
  delivered: 'delivered',
  read: 'read',
};

function progressOf(seq: number, { deliveredSeq, readSeq }: PeerMarks): Progress {
  if (seq <= readSeq) return 'read';
  return seq <= deliveredSeq ? 'delivered' : 'stored';
}

/** Messages of one sender within this time stand close together. */
const groupMs = 5 * 60_000;

function MessageRow(props: {
  readonly message: Message;
  readonly previous: Message | undefined;
  readonly isOwn: boolean;
  readonly author: string | undefined;
  readonly progress: Progress;
  readonly actions: MessageActions;
}): JSX.Element {
  const { message, previous, isOwn, author, progress, actions } = props;
  const { from, text, timestamp, editedAt, deletedAt } = message;
  const isNewDay = previous === undefined || dayOf(previous.timestamp) !== dayOf(timestamp);
  const isGrouped = !isNewDay && previous.from === from && timestamp - previous.timestamp < groupMs;
  return (
    <>
      {isNewDay && <h3 class="day">{dayName(timestamp)}</h3>}
      <article class={`message ${isOwn ? 'own' : 'other'} ${isGrouped ? 'grouped' : ''}`}>
        {author !== undefined && !isGrouped && (
          <p class="from" dir="auto">
            {author}
          </p>
        )}
        <p class={deletedAt === undefined ? 'text' : 'text deleted'} dir="auto">
          {deletedAt === undefined ? text : 'This message was deleted.'}
        </p>
        <footer>
          {isOwn && deletedAt === undefined && (
            <span class="actions">
              <button type="button" class="link" onClick={() => actions.edit(message)}>
                Edit
              </button>{' '}
              <button type="button" class="link" onClick={() => actions.remove(message)}>
                Delete
              </button>{' '}
            </span>
          )}
          {editedAt !== undefined && deletedAt === undefined && 'edited '}
          <time>{clockTime(timestamp)}</time>
          {isOwn && deletedAt === undefined && (
            <span class={`progress ${progress}`} title={progressTitles[progress]}>
              {progress === 'stored' ? ' ✓' : ' ✓✓'}
            </span>
          )}
        </footer>
      </article>
    </>
  );
}

function OutboxRow(props: { readonly entry: OutboxEntry; readonly actions: MessageActions }): JSX.Element {
  const { actions } = props;
  const { messageId, text, writtenAt, status } = props.entry;
  return (
    <article class={`message own waiting ${status.kind}`}>
      <p class="text" dir="auto">
        {text}
      </p>
      <footer>
        {status.kind === 'failed' ? (
          <span class="problem">
            Not sent. {status.reason}{' '}
            <button type="button" class="link" onClick={() => actions.retry(messageId)}>
              Try again
            </button>{' '}
            <button type="button" class="link" onClick={() => actions.discard(messageId)}>
              Discard
            </button>
          </span>
        ) : (
          <>
            <time>{clockTime(writtenAt)}</time>
            <span title={status.kind === 'sent' ? 'stored by the server' : 'on its way'}>
              {status.kind === 'sent' ? ' ✓' : ' ◷'}
            </span>
          </>
        )}
      </footer>
    </article>
  );
}
