const shownMaxEach = 5;

/** What was found wrong: all counted, the first ones of each guarantee kept. */
export class ViolationList {
  readonly shown: string[] = [];
  count = 0;
  readonly #counts = new Map<string, number>();

  /** `guarantee` as in `G2`. */
  add(guarantee: string, detail: string): void {
    this.count++;
    const before = this.#counts.get(guarantee) ?? 0;
    this.#counts.set(guarantee, before + 1);
    if (before < shownMaxEach) this.shown.push(`${guarantee}: ${detail}`);
  }

  /** Adds a violation where the two differ (as JSON). */
  expectEqual(guarantee: string, what: string, actual: unknown, expected: unknown): void {
    const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (found !== wanted) this.add(guarantee, `${what}: found ${cut(found)}, expected ${cut(wanted)}`);
  }
}

const cut = (text: string | undefined): string =>
  text === undefined ? 'nothing' : text.length > 300 ? `${text.slice(0, 300)}…` : text;
