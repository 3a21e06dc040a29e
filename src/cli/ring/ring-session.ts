import type { RingProgress, RingRequest } from '../../admin/control-api.ts';
import type { Time } from '../../std/time.ts';
import { RingApiError, type RingApi, type SeenProgress } from './ring-api.ts';
import type { RingScreen } from './ring-screen.ts';

/** How a command ended: an exit code. */
export type RingVerdict = 0 | 1;

export interface RingSessionParts {
  readonly api: RingApi;
  readonly screen: RingScreen;
  readonly time: Time;
  /** Aborted when the operator wants to go (Ctrl-C). */
  readonly interrupted: AbortSignal;
  /** Asks the operator; undefined: nobody is there who could be asked. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
}

export interface ChangeOptions {
  readonly force: boolean;
  readonly previewOnly: boolean;
}

/** One question for news; the node answers sooner where there is some. */
const newsWaitMs = 10_000;
/** How long nobody may answer before the command gives up following; the change goes on. */
const silenceMaxMs = 60_000;
const retryMs = 500;

const detached =
  'the change goes on without this command: `mailring ring follow` shows it, `mailring ring abort` ends it';

const forgotten =
  'the node that carried the change out is gone, and nobody knows how it ended: see what `mailring ring show` says';
const unsure = 'interrupted; `mailring ring show` has what is under way';

/** What the commands of `mailring ring` do, step by step. Never rejects for what the ring or the network does. */
export class RingSession {
  readonly #parts: RingSessionParts;

  constructor(parts: RingSessionParts) {
    this.#parts = parts;
  }

  show(): Promise<RingVerdict> {
    return this.#attempt(async () => {
      this.#parts.screen.say({ kind: 'ring', ring: await this.#parts.api.show() });
      return 0;
    });
  }

  /** Previews, asks, starts and follows a change. */
  change(request: RingRequest, { force, previewOnly }: ChangeOptions): Promise<RingVerdict> {
    return this.#attempt(async () => {
      const { api, screen, confirm } = this.#parts;
      const running = await this.#sameThatRuns(request);
      if (running !== undefined && !previewOnly) {
        screen.say({ kind: 'note', message: 'this change is under way already; following it' });
        return this.#follow(running.changeId);
      }
      const preview = await api.preview(request);
      screen.say({ kind: 'preview', preview });
      const inTheWay = preview.refusals.filter(({ risk }) => !(force && risk !== undefined));
      if (previewOnly) return inTheWay.length === 0 ? 0 : 1;
      const [refusal] = inTheWay;
      if (refusal !== undefined) throw new RingApiError(refusal.code, refusal.message, refusal.risk);
      if (confirm !== undefined && !(await confirm('Go on? [y/N] '))) {
        screen.say({ kind: 'note', message: 'nothing was changed' });
        return 1;
      }
      const begun = await api.start(request, force);
      // What moves nobody's users is done at once, and nobody keeps a record of it.
      return begun.phase === 'finished' ? this.#conclude(begun, 'done') : this.#follow(begun.changeId);
    });
  }

  /** @param changeId `latest`: the one that runs, else the last one */
  follow(changeId: string): Promise<RingVerdict> {
    return this.#attempt(() => this.#follow(changeId));
  }

  abort(changeId: string | undefined): Promise<RingVerdict> {
    return this.#attempt(async () => {
      const { api } = this.#parts;
      const id = changeId ?? (await api.show()).pending?.changeId;
      if (id === undefined) throw new RingApiError('no_such_change', 'no change is under way');
      const progress = await api.abort(id);
      return progress.phase === 'finished'
        ? this.#conclude(progress, 'aborted')
        : this.#follow(id, 'aborted');
    });
  }

  async #sameThatRuns({ kind, nodeId }: RingRequest): Promise<RingProgress | undefined> {
    const { pending } = await this.#parts.api.show();
    // Which weight a running change gives a node is not told: it may be another one.
    const isSame = kind !== 'weight' && pending?.kind === kind && pending.nodeId === nodeId;
    return isSame ? pending : undefined;
  }

  #conclude(progress: RingProgress, wanted: 'done' | 'aborted'): RingVerdict {
    this.#parts.screen.say({ kind: 'finished', progress });
    return progress.outcome?.kind === wanted ? 0 : 1;
  }

  async #follow(changeId: string, wanted: 'done' | 'aborted' = 'done'): Promise<RingVerdict> {
    const { screen } = this.#parts;
    let seen: SeenProgress | undefined;
    for (;;) {
      const news = await this.#news(seen?.progress.changeId ?? changeId, seen?.etag);
      if (news === 'detached') {
        screen.say({ kind: 'error', code: 'detached', message: detached });
        return 1;
      }
      seen = news ?? seen;
      if (seen === undefined) continue;
      const { progress } = seen;
      if (progress.phase === 'finished') return this.#conclude(progress, wanted);
      if (news !== undefined) screen.say({ kind: 'progress', progress });
    }
  }

  /** Asks again, and other nodes, while nobody answers: a change outlives the node that was asked. */
  async #news(changeId: string, etag: string | undefined): Promise<SeenProgress | 'detached' | undefined> {
    const { api, screen, time, interrupted } = this.#parts;
    const giveUpMs = time.monotonicMs() + silenceMaxMs;
    for (let isTold = false; ; isTold = true) {
      try {
        return await api.progress(changeId, etag, newsWaitMs);
      } catch (error) {
        if (interrupted.aborted) return 'detached';
        if (!(error instanceof RingApiError)) throw error;
        if (error.code === 'no_such_change' && etag !== undefined) {
          throw new RingApiError(error.code, forgotten, undefined, { cause: error });
        }
        if (!error.isPassing) throw error;
        if (time.monotonicMs() > giveUpMs) {
          throw new RingApiError(error.code, `${error.message}; ${detached}`, undefined, { cause: error });
        }
        if (!isTold) screen.say({ kind: 'note', message: `${error.message}; trying on` });
        await new Promise<void>((resolve) => {
          time.after(retryMs, resolve);
        });
      }
    }
  }

  async #attempt(work: () => Promise<RingVerdict>): Promise<RingVerdict> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RingApiError)) throw error;
      const { screen, interrupted } = this.#parts;
      if (interrupted.aborted) {
        screen.say({ kind: 'error', code: 'detached', message: unsure });
        return 1;
      }
      const { code, message, risk } = error;
      screen.say({ kind: 'error', code, message, ...(risk === undefined ? {} : { risk }) });
      return 1;
    }
  }
}
