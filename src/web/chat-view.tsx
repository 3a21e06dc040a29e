import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { peerInDm } from '../protocol/conversation-id.ts';
import type { Message } from '../protocol/message.ts';
import { Avatar } from './chat-list.tsx';
import type { ChatStore } from './chat-store.ts';
import { Composer } from './composer.tsx';
import { MessageList } from './message-list.tsx';
import { listTime } from './time-text.ts';

/** One open conversation. */
export function ChatView(props: { readonly store: ChatStore; readonly conversationId: string }): JSX.Element {
  const { store, conversationId } = props;
  const conversation = store.conversations.get(conversationId);
  const peer = peerInDm(conversationId, store.userId) ?? conversationId;
  const name = conversation?.name ?? peer;
  const timeline = store.timeline(conversationId);
  const [editing, setEditing] = useState<Message>();

  useReading(store, conversationId);

  return (
    <section
      class="chat-view"
      aria-label={`Chat with ${name}`}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || editing === undefined) return;
        event.stopPropagation(); // It would close the chat.
        setEditing(undefined);
      }}
    >
      <header>
        <button type="button" class="quiet back" aria-label="Back" onClick={() => store.select(undefined)}>
          ‹
        </button>
        <Avatar id={peer} name={name} />
        <h2>
          <span dir="auto">{name}</span>
          {name !== peer && <small>{peer}</small>}
        </h2>
        <Whereabouts store={store} conversationId={conversationId} peer={peer} />
      </header>
      <MessageList
        ownId={store.userId}
        timeline={timeline}
        outbox={store.outbox(conversationId)}
        peer={{
          deliveredSeq: conversation?.peerDeliveredSeq ?? 0,
          readSeq: conversation?.peerReadSeq ?? 0,
        }}
        onTop={() => store.loadOlder(conversationId)}
        actions={{
          retry: (messageId) => store.retry(messageId),
          discard: (messageId) => store.discard(messageId),
          edit: setEditing,
          remove: (message) => store.remove(message),
        }}
      />
      <Composer
        edited={editing?.text}
        onSend={(text) => {
          if (editing === undefined) store.send(conversationId, text);
          else if (text !== editing.text) store.edit(editing, text);
          setEditing(undefined);
        }}
        onWrite={() => store.company.writes(conversationId)}
        onCancel={() => setEditing(undefined)}
      />
    </section>
  );
}

/** Whether the other one is there, and writes. */
function Whereabouts(props: {
  readonly store: ChatStore;
  readonly conversationId: string;
  readonly peer: string;
}): JSX.Element | null {
  const { company } = props.store;
  const [typist] = company.typistsIn(props.conversationId);
  if (typist !== undefined) {
    return (
      <span class="typing" role="status" aria-label={`${typist} is writing`}>
        <i />
        <i />
        <i />
      </span>
    );
  }
  const presence = company.presenceOf(props.peer);
  if (presence === undefined || (!presence.online && presence.lastSeen === 0)) return null;
  return (
    <span class="whereabouts">{presence.online ? 'online' : `last seen ${listTime(presence.lastSeen)}`}</span>
  );
}

/** What is before the eyes is read: in a window that has the focus, now or when it gets it. */
function useReading(store: ChatStore, conversationId: string): void {
  const { isLoaded } = store.timeline(conversationId);
  const unread = store.conversations.get(conversationId)?.unread ?? 0;
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === 'visible' && document.hasFocus() && isLoaded) {
        store.seen(conversationId);
      }
    };
    look();
    window.addEventListener('focus', look);
    document.addEventListener('visibilitychange', look);
    return () => {
      window.removeEventListener('focus', look);
      document.removeEventListener('visibilitychange', look);
    };
  }, [store, conversationId, unread, isLoaded]);
}
