import type { JSX } from 'preact';

/** One line of text and a button. */
export function LineForm(props: {
  readonly label: string;
  readonly button: string;
  readonly onSubmit: (text: string) => void;
}): JSX.Element {
  const { label, button, onSubmit } = props;
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        const form = event.currentTarget;
        const text = new FormData(form).get('line');
        if (typeof text !== 'string' || text.trim() === '') return;
        form.reset();
        onSubmit(text.trim());
      }}
    >
      <input name="line" placeholder={`${label}…`} aria-label={label} autocomplete="off" spellcheck={false} />
      <button type="submit" class="quiet">
        {button}
      </button>
    </form>
  );
}
