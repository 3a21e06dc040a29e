import type { RingPreview, RingProgress, RingReport } from '../../admin/control-api.ts';
import type { RingApiErrorCode } from './ring-api.ts';
import { finishedText, previewText, progressBar, progressText, reportText } from './ring-text.ts';

/** What a command has to say; with `--json` each of them is one line. */
export type RingNews =
  | { readonly kind: 'ring'; readonly ring: RingReport }
  | { readonly kind: 'preview'; readonly preview: RingPreview }
  | { readonly kind: 'progress'; readonly progress: RingProgress }
  | { readonly kind: 'finished'; readonly progress: RingProgress }
  | { readonly kind: 'note'; readonly message: string }
  | {
      readonly kind: 'error';
      readonly code: RingApiErrorCode | 'detached';
      readonly message: string;
      readonly risk?: string;
    };

/** Where it is said. */
export interface RingScreen {
  say(news: RingNews): void;
}

export interface TextPorts {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** One JSON object a line, on standard output: the last line says how it ended. */
export function jsonScreen({ out }: TextPorts): RingScreen {
  return { say: (news) => out(`${JSON.stringify(news)}\n`) };
}

const eraseLine = '\r\u001b[K';

/** For people: progress on a line of its own that changes, where there is a terminal, else a line when it matters. */
export class TextScreen implements RingScreen {
  readonly #ports: TextPorts;
  readonly #isTerminal: boolean;
  #isBarShown = false;
  #lastPhase: string | undefined;

  constructor(ports: TextPorts, isTerminal: boolean) {
    this.#ports = ports;
    this.#isTerminal = isTerminal;
  }

  say(news: RingNews): void {
    if (news.kind === 'progress') {
      this.#progress(news.progress);
      return;
    }
    this.#endBar();
    switch (news.kind) {
      case 'ring':
        this.#ports.out(`${reportText(news.ring)}\n`);
        break;
      case 'preview':
        this.#ports.out(`${previewText(news.preview)}\n`);
        break;
      case 'finished':
        this.#ports.out(`${finishedText(news.progress)}\n`);
        break;
      case 'note':
        this.#ports.err(`${news.message}\n`);
        break;
      case 'error': {
        const risk = news.risk === undefined ? '' : `\n  --force risks: ${news.risk}`;
        this.#ports.err(`error: ${news.message}${risk}\n`);
      }
    }
  }

  #progress(progress: RingProgress): void {
    if (this.#isTerminal) {
      this.#ports.err(`${eraseLine}${progressBar(progress)}`);
      this.#isBarShown = true;
    } else if (progress.phase !== this.#lastPhase) {
      this.#ports.err(`${progressText(progress)}\n`);
    }
    this.#lastPhase = progress.phase;
  }

  #endBar(): void {
    if (this.#isBarShown) this.#ports.err('\n');
    this.#isBarShown = false;
  }
}
