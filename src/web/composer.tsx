import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const textBytesMax = 8192;
const encoder = new TextEncoder();

/** Where a message is written: Enter sends, Shift+Enter begins a new line. */
export function Composer({ onSend }: { readonly onSend: (text: string) => void }): JSX.Element {
  const [text, setText] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => input.current?.focus(), []);

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
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          // While a word is being composed, Enter belongs to the input method.
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <button type="submit" class="primary" disabled={text.trim() === '' || isTooLong}>
        Send
      </button>
      {isTooLong && <p class="problem">This is too long for one message.</p>}
    </form>
  );
}
