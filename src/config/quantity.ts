/** What the number of a setting counts, as the last unit in its name says. */
export type QuantityKind = 'bytes' | 'ms' | 'count';

const factors: Readonly<Record<QuantityKind, ReadonlyMap<string, number>>> = {
  bytes: new Map([
    ['', 1],
    ['B', 1],
    ['KiB', 1024],
    ['MiB', 1024 ** 2],
    ['GiB', 1024 ** 3],
  ]),
  ms: new Map([
    ['', 1],
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  ]),
  count: new Map([['', 1]]),
};

/** `budgetBytes` and `bytesMax` are bytes, `deadlineMs` is milliseconds, anything else is counted. */
export function quantityKindOf(name: string): QuantityKind {
  if (/bytes(Max)?$/i.test(name)) return 'bytes';
  return name.endsWith('Ms') ? 'ms' : 'count';
}

/** `64MiB`, `1.5h`, `1048576`: as a whole number of bytes, milliseconds or things; undefined if it is none. */
export function parseQuantity(text: string, kind: QuantityKind): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text.trim());
  const factor = factors[kind].get(match?.[2] ?? '');
  if (match?.[1] === undefined || factor === undefined) return undefined;
  const number = Number(match[1]) * factor;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The shortest exact way to write it: 8192 bytes are `8KiB`. */
export function formatQuantity(number: number, kind: QuantityKind): string {
  const units = [...factors[kind]].filter(
    ([unit, factor]) => unit !== '' && number >= factor && number % factor === 0,
  );
  const [unit, factor] = units.at(-1) ?? ['', 1];
  return `${number / factor}${unit}`;
}
