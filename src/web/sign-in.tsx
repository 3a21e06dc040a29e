import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { AccountError, createUser, logIn } from '../client/account-api.ts';
import { newDeviceId } from './account.ts';
import type { Account } from './account.ts';

type Mode = 'log-in' | 'register';

const idPattern = '[A-Za-z0-9_\\-]{1,64}';

/** Log in or register. */
export function SignIn(props: {
  readonly notice: string | undefined;
  readonly onSignedIn: (account: Account) => void;
}): JSX.Element {
  const [mode, setMode] = useState<Mode>('log-in');
  const [problem, setProblem] = useState(props.notice);
  const [isBusy, setBusy] = useState(false);
  const isNew = mode === 'register';

  const submit = async (form: HTMLFormElement): Promise<void> => {
    const fields = new FormData(form);
    const field = (name: string): string => {
      const value = fields.get(name);
      return typeof value === 'string' ? value : '';
    };
    const userId = field('userId').trim();
    const password = field('password');
    setBusy(true);
    setProblem(undefined);
    try {
      const { token } = isNew
        ? await createUser(location.origin, { userId, name: field('name').trim() || userId, password })
        : await logIn(location.origin, { userId, password });
      props.onSignedIn({ userId, token, deviceId: newDeviceId(Math.random) });
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <h1>
          <img src="/favicon.svg" alt="" width="36" height="36" /> Mailring
        </h1>
        <div class="tabs" role="tablist">
          <ModeTab mode="log-in" current={mode} label="Log in" onSelect={setMode} />
          <ModeTab mode="register" current={mode} label="Register" onSelect={setMode} />
        </div>
        <Fields isNew={isNew} />
        {problem !== undefined && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button class="primary" disabled={isBusy}>
          {isNew ? 'Create account' : 'Log in'}
        </button>
      </form>
    </main>
  );
}

function Fields({ isNew }: { readonly isNew: boolean }): JSX.Element {
  return (
    <>
      <label>
        User id
        <input
          name="userId"
          required
          autofocus
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          pattern={idPattern}
          title="Letters, digits, _ and -, at most 64"
        />
      </label>
      {isNew && (
        <label>
          Name, as others see it
          <input name="name" maxLength={100} autocomplete="name" />
        </label>
      )}
      <label>
        Password
        <input
          name="password"
          type="password"
          required
          minLength={isNew ? 8 : 1}
          autocomplete={isNew ? 'new-password' : 'current-password'}
        />
      </label>
    </>
  );
}

function ModeTab(props: {
  readonly mode: Mode;
  readonly current: Mode;
  readonly label: string;
  readonly onSelect: (mode: Mode) => void;
}): JSX.Element {
  return (
    <button
      type="button"
      role="tab"
      aria-selected={props.mode === props.current}
      onClick={() => props.onSelect(props.mode)}
    >
      {props.label}
    </button>
  );
}

function problemOf(error: unknown): string {
  if (!(error instanceof AccountError)) return String(error);
  switch (error.status) {
    case 0:
      return 'The server cannot be reached.';
    case 400:
      return 'The server does not accept this: check user id and password.';
    case 401:
      return 'Wrong user id or password.';
    case 409:
      return 'This user id is taken.';
    case 429:
      return 'Too many tries; wait a moment.';
    default:
      return `The server answered ${error.status}.`;
  }
}
