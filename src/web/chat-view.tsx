import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isGroupId, peerInDm } from '../protocol/conversation-id.ts';
import type { Message } from '../protocol/message.ts';
import { Avatar } from './chat-list.tsx';
import type { ChatStore } from './chat-store.ts';
import { Composer } from './composer.tsx';
import { GroupPanel } from './group-panel.tsx';
import { MessageList } from './message-list.tsx';
import { listTime } from './time-text.ts';

/** One open conversation. */
export function ChatView(props: { readonly store: ChatStore; readonly conversationId: string }): JSX.Element {
  const { store, conversationId } = props;
  const conversation = store.conversations.get(conversationId);
  const name = conversation?.name ?? peerInDm(conversationId, store.userId) ?? conversationId;
  const timeline = store.timeline(conversationId);
  const [editing, setEditing] = useState<Message>();
  const [isPanelOpen, setPanelOpen] = useState(false);
  const isGroup = isGroupId(conversationId);
  const members = store.groups.membersOf(conversationId);

  const onToggle = (): void => setPanelOpen(!isPanelOpen);

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
      <ChatHeader
        store={store}
        conversationId={conversationId}
        name={name}
        members={isGroup ? { count: members.length, isOpen: isPanelOpen, onToggle } : undefined}
      />
      {isGroup && isPanelOpen && <GroupPanel store={store} conversationId={conversationId} />}
      <MessageList
        ownId={store.userId}
        timeline={timeline}
        outbox={store.outbox(conversationId)}
        peer={
          isGroup
            ? store.groups.marksOf(conversationId, store.userId)
            : {
                deliveredSeq: conversation?.peerDeliveredSeq ?? 0,
                readSeq: conversation?.peerReadSeq ?? 0,
              }
        }
        nameOf={
          isGroup ? (userId) => members.find((member) => member.userId === userId)?.name ?? userId : undefined
        }
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

/** Whom one writes to, and the way back to the list. */
function ChatHeader(props: {
  readonly store: ChatStore;
  readonly conversationId: string;
  readonly name: string;
  /** Of a group: how many, and whether they are shown. */
  readonly members:
    { readonly count: number; readonly isOpen: boolean; readonly onToggle: () => void } | undefined;
}): JSX.Element {
  const { store, conversationId, name, members } = props;
  const peer = peerInDm(conversationId, store.userId);
  return (
    <header>
      <button type="button" class="quiet back" aria-label="Back" onClick={() => store.select(undefined)}>
        ‹
      </button>
      <Avatar id={peer ?? conversationId} name={name} />
      <h2>
        <span dir="auto">{name}</span>
        {peer !== undefined && name !== peer && <small>{peer}</small>}
      </h2>
      <Whereabouts store={store} conversationId={conversationId} peer={peer ?? conversationId} />
      {members !== undefined && (
        <button type="button" class="quiet" aria-expanded={members.isOpen} onClick={members.onToggle}>
          {members.count === 1 ? '1 member' : `${members.count} members`}
        </button>
      )}
    </header>
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
