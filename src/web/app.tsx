import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { openBrowserSocket } from '../client/browser-socket.ts';
import { clientTime } from '../client/client-time.ts';
import { wsUrlOf } from '../client/account-api.ts';
import { saveAccount, savedAccount } from './account.ts';
import type { Account } from './account.ts';
import { ChatStore } from './chat-store.ts';
import { ChatWindow } from './chat-window.tsx';
import { SignIn } from './sign-in.tsx';

/** The page: signed out, or one user's chats. */
export function App(): JSX.Element {
  const [account, setAccount] = useState(() => savedAccount(sessionStorage));
  const [notice, setNotice] = useState<string>();

  const signIn = (next: Account): void => {
    saveAccount(sessionStorage, next);
    setNotice(undefined);
    setAccount(next);
  };
  const signOut = (reason?: string): void => {
    // With the account goes what was not sent: the next user of this tab is possibly another one.
    sessionStorage.clear();
    setNotice(reason);
    setAccount(undefined);
  };
  return account === undefined ? (
    <SignIn notice={notice} onSignedIn={signIn} />
  ) : (
    <SignedIn key={account.token} account={account} onSignOut={signOut} />
  );
}

function SignedIn(props: {
  readonly account: Account;
  readonly onSignOut: (reason?: string) => void;
}): JSX.Element | null {
  const { account, onSignOut } = props;
  const [store, setStore] = useState<ChatStore>();

  useEffect(() => {
    const opened = new ChatStore({
      ...account,
      wsUrl: wsUrlOf(location.origin),
      openSocket: openBrowserSocket,
      storage: sessionStorage,
      time: clientTime,
      random: Math.random,
    });
    const stopListening = opened.subscribe(() => {
      if (opened.link.kind === 'stopped') onSignOut('You were signed out. Please log in again.');
    });
    opened.open();
    setStore(opened);
    return () => {
      stopListening();
      opened.close();
    };
  }, [account]);

  return store === undefined ? null : <ChatWindow store={store} onSignOut={() => onSignOut()} />;
}
