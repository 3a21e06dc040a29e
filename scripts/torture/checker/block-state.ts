import type { CallOf, History } from '../history.ts';
import { latestMs, mayHaveHappened } from './outcome.ts';

type BlockCall = CallOf<'blockUser'> | CallOf<'unblockUser'>;

/** Who had blocked whom, and when: as far as that can be known from outside. */
export class BlockStates {
  readonly #calls = new Map<string, BlockCall[]>();

  constructor(history: History) {
    const all: BlockCall[] = [...history.callsOf('blockUser'), ...history.callsOf('unblockUser')];
    for (const call of all.toSorted((a, b) => a.startMs - b.startMs)) {
      if (!mayHaveHappened(call.outcome)) continue;
      const key = keyOf(call.userId, call.params.userId);
      const calls = this.#calls.get(key);
      if (calls === undefined) this.#calls.set(key, [call]);
      else calls.push(call);
    }
  }

  /** Whether `by` blocked `whom` all the time from `fromMs` to `toMs`, at no moment of it, or it is not known. */
  during(by: string, whom: string, fromMs: number, toMs: number): 'on' | 'off' | 'open' {
    const calls = this.#calls.get(keyOf(by, whom)) ?? [];
    const base = this.causeOf(by, whom, fromMs);
    const sinceMs = base?.startMs ?? -Infinity;
    const isOn = base?.method === 'blockUser';
    const other = calls.find(
      (call) => (call.method === 'blockUser') !== isOn && call.startMs <= toMs && latestMs(call) >= sinceMs,
    );
    if (other !== undefined) return 'open';
    return isOn ? 'on' : 'off';
  }

  /** The last block, or end of a block, that was acknowledged before. */
  causeOf(by: string, whom: string, atMs: number): BlockCall | undefined {
    return this.#calls
      .get(keyOf(by, whom))
      ?.findLast(({ outcome, endMs }) => outcome.kind === 'ok' && endMs < atMs);
  }

  neverBlocked(one: string, other: string): boolean {
    return !this.#calls.has(keyOf(one, other)) && !this.#calls.has(keyOf(other, one));
  }

  /** Whether in the end neither has blocked the other. */
  areFree(one: string, other: string): boolean {
    const isOff = (by: string, whom: string): boolean =>
      this.during(by, whom, Number.MAX_VALUE, Infinity) === 'off';
    return isOff(one, other) && isOff(other, one);
  }
}

function keyOf(by: string, whom: string): string {
  return `${by} ${whom}`;
}
