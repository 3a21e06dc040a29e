import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { ChatList } from './chat-list.tsx';
import type { ChatStore } from './chat-store.ts';
import { ChatView } from './chat-view.tsx';
import { DeviceList } from './device-list.tsx';
import { LinkBanner } from './link-banner.tsx';

/** The list of chats beside the open one; on a narrow screen one at a time. */
export function ChatWindow(props: {
  readonly store: ChatStore;
  readonly onSignOut: () => void;
}): JSX.Element {
  const { store } = props;
  const [, redraw] = useState({});
  useLayoutEffect(() => {
    redraw({}); // What changed between the first drawing and now.
    return store.subscribe(() => redraw({}));
  }, [store]);

  const { unread } = store.conversations;
  useEffect(() => {
    document.title = unread === 0 ? 'Mailring' : `(${unread}) Mailring`;
  }, [unread]);

  useEffect(() => {
    const hurry = (): void => store.hurry();
    window.addEventListener('online', hurry);
    window.addEventListener('focus', hurry);
    return () => {
      window.removeEventListener('online', hurry);
      window.removeEventListener('focus', hurry);
    };
  }, [store]);

  const { openId } = store;
  const [showsDevices, showDevices] = useState(false);
  useEffect(() => showDevices(false), [openId]);
  return (
    <div
      class={openId === undefined && !showsDevices ? 'chats' : 'chats has-open'}
      onKeyDown={(event) => {
        if (event.key === 'Escape') store.select(undefined);
        else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
          event.preventDefault();
          selectNext(store, event.key === 'ArrowDown' ? 1 : -1);
        }
      }}
    >
      <LinkBanner link={store.link} onHurry={() => store.hurry()} />
      <ChatList store={store} onDevices={() => showDevices(true)} onSignOut={props.onSignOut} />
      {showsDevices ? (
        <DeviceList store={store} onClose={() => showDevices(false)} />
      ) : openId === undefined ? (
        <section class="nothing-open">
          <p>Choose a chat, or start one with a user id.</p>
          <p class="hint">
            <kbd>Alt</kbd>+<kbd>↑</kbd>/<kbd>↓</kbd> goes through the chats, <kbd>Esc</kbd> closes one.
          </p>
        </section>
      ) : (
        <ChatView key={openId} store={store} conversationId={openId} />
      )}
    </div>
  );
}

function selectNext(store: ChatStore, step: number): void {
  const { list } = store.conversations;
  const place = list.findIndex(({ conversationId }) => conversationId === store.openId);
  const next = list[place < 0 ? 0 : Math.min(list.length - 1, Math.max(0, place + step))];
  if (next !== undefined) store.select(next.conversationId);
}
