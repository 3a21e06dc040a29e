import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ClientState } from '../client/mailring-client.ts';

/** A blip shorter than this is not worth a word. */
const quietMs = 400;

/** Says that there is no connection, while that is so. */
export function LinkBanner(props: {
  readonly link: ClientState;
  readonly onHurry: () => void;
}): JSX.Element | null {
  const isOpen = props.link.kind === 'open';
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (isOpen) {
      setShown(false);
      return undefined;
    }
    const timer = setTimeout(() => setShown(true), quietMs);
    return () => clearTimeout(timer);
  }, [isOpen]);

  if (!isShown) return null;
  return (
    <div class="link-banner" role="status">
      {props.link.kind === 'waiting' ? 'No connection. Trying again soon.' : 'Connecting…'}
      {props.link.kind === 'waiting' && (
        <button type="button" onClick={props.onHurry}>
          Try now
        </button>
      )}
    </div>
  );
}
