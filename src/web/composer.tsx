import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const textBytesMax = 8192;
const encoder = new TextEncoder();

/** Where a message is written or changed: Enter sends, Shift+Enter begins a new line. */
export function Composer(props: {
  /** The text of a message that is changed; undefined: a new one is written. */
  readonly edited: string | undefined;
  readonly onSend: (text: string) => void;
  readonly onWrite: () => void;
  readonly onCancel: () => void;
}): JSX.Element {
  const { edited, onSend, onCancel } = props;
  const [text, setText] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    setText(edited ?? '');
    input.current?.focus();
  }, [edited]);

  // Grows with its text, up to the limit that the style sheet sets.
  useEffect(() => {
    const area = input.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  const isTooLong = encoder.encode(text).length > textBytesMax;
  const send = (): void => {
    if (text.trim() === '' || isTooLong) return;
    onSend(text.trim());
    setText('');
    input.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={input}
        rows={1}
        value={text}
        placeholder="Message"
        aria-label="Message"
        aria-invalid={isTooLong}
        dir="auto"
        onInput={(event) => {
          setText(event.currentTarget.value);
          if (event.currentTarget.value.trim() !== '') props.onWrite();
        }}
        onKeyDown={(event) => {
          // While a word is being composed, Enter belongs to the input method.
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <button type="submit" class="primary" disabled={text.trim() === '' || isTooLong}>
        {edited === undefined ? 'Send' : 'Save'}
      </button>
      {edited !== undefined && <EditHint onCancel={onCancel} />}
      {isTooLong && <p class="problem">This is too long for one message.</p>}
    </form>
  );
}

function EditHint({ onCancel }: { readonly onCancel: () => void }): JSX.Element {
  return (
    <p class="hint">
      You are changing a message.{' '}
      <button type="button" class="link" onClick={onCancel}>
        Cancel
      </button>
    </p>
  );
}
