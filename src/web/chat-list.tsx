import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { isId } from '../protocol/conversation-id.ts';
import type { Conversation } from '../protocol/message.ts';
import type { ChatStore } from './chat-store.ts';
import { listTime } from './time-text.ts';

/** The conversation list, and the way to start a new one. */
export function ChatList(props: {
  readonly store: ChatStore;
  readonly onDevices: () => void;
  readonly onSignOut: () => void;
}): JSX.Element {
  const { store } = props;
  const { list, hasMore } = store.conversations;
  return (
    <nav class="chat-list" aria-label="Chats">
      <header>
        <span class={`dot ${store.link.kind}`} title={store.link.kind === 'open' ? 'online' : 'offline'} />
        <strong class="me">{store.userId}</strong>
        <button type="button" class="quiet" onClick={props.onDevices}>
          Devices
        </button>
        <button type="button" class="quiet" onClick={props.onSignOut}>
          Log out
        </button>
      </header>
      <NewChat store={store} />
      <NewGroup store={store} />
      {store.problem !== undefined && <p class="problem">{store.problem}</p>}
      <ul>
        {list.map((conversation) => (
          <li key={conversation.conversationId}>
            <ChatListItem
              conversation={conversation}
              ownId={store.userId}
              isPeerThere={store.company.presenceOf(conversation.peer ?? '')?.online === true}
              isTyping={store.company.typistsIn(conversation.conversationId).length > 0}
              isOpen={conversation.conversationId === store.openId}
              onSelect={() => store.select(conversation.conversationId)}
            />
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" class="quiet more" onClick={() => store.loadMoreConversations()}>
          Show more
        </button>
      )}
    </nav>
  );
}

function NewChat({ store }: { readonly store: ChatStore }): JSX.Element {
  const [problem, setProblem] = useState<string>();
  const start = (form: HTMLFormElement): void => {
    const value = new FormData(form).get('peer');
    const peerId = typeof value === 'string' ? value.trim() : '';
    if (!isId(peerId)) setProblem('A user id has letters, digits, _ and -.');
    else if (peerId === store.userId) setProblem('That is you.');
    else {
      setProblem(undefined);
      form.reset();
      store.startChat(peerId);
    }
  };
  return (
    <form
      class="new-chat"
      onSubmit={(event) => {
        event.preventDefault();
        start(event.currentTarget);
      }}
    >
      <input
        name="peer"
        placeholder="Chat with user id…"
        aria-label="Chat with user id"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        onInput={() => setProblem(undefined)}
      />
      <button type="submit" aria-label="Start chat">
        +
      </button>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

function NewGroup({ store }: { readonly store: ChatStore }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  if (!isOpen) {
    return (
      <button type="button" class="quiet more" onClick={() => setOpen(true)}>
        New group
      </button>
    );
  }
  return (
    <form
      class="new-chat"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const [name, members] = [form.get('name'), form.get('members')];
        if (typeof name !== 'string' || typeof members !== 'string' || name.trim() === '') return;
        setOpen(false);
        store.startGroup(
          name.trim(),
          members.split(/[\s,]+/).filter((userId) => userId !== ''),
        );
      }}
    >
      <input name="name" placeholder="Name of the group…" aria-label="Name of the group" autocomplete="off" />
      <button type="submit" aria-label="Create group">
        +
      </button>
      <input
        name="members"
        placeholder="User ids, with spaces…"
        aria-label="Members"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
      />
    </form>
  );
}

function ChatListItem(props: {
  readonly conversation: Conversation;
  readonly ownId: string;
  readonly isPeerThere: boolean;
  readonly isTyping: boolean;
  readonly isOpen: boolean;
  readonly onSelect: () => void;
}): JSX.Element {
  const { conversation, ownId, isOpen } = props;
  const { name, peer, snippet, unread, lastTimestamp, lastFrom } = conversation;
  return (
    <button type="button" class="chat-item" aria-current={isOpen} onClick={props.onSelect}>
      <Avatar id={peer ?? conversation.conversationId} name={name} />
      <span class="who" dir="auto">
        {name}
        {props.isPeerThere && <span class="dot open" title={`${name} is there`} />}
      </span>
      <time>{listTime(lastTimestamp)}</time>
      <span class="snippet" dir="auto">
        {!props.isTyping && lastFrom === ownId && <span class="you">You: </span>}
        {props.isTyping ? 'writing…' : snippet}
      </span>
      {unread > 0 && (
        <span class="badge" aria-label={`${unread} unread`}>
          {unread > 999 ? '999+' : unread}
        </span>
      )}
    </button>
  );
}

const avatarHues = 12;

/** The first letter on a colour that stays the same for the same person. */
export function Avatar({ id, name }: { readonly id: string; readonly name: string }): JSX.Element {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997;
  const [first = '?'] = name;
  return (
    <span class={`avatar hue-${sum % avatarHues}`} aria-hidden="true">
      {first.toUpperCase()}
    </span>
  );
}
