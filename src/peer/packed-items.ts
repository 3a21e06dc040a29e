import { errorKinds } from '../protocol/protocol-error.ts';
import type { ErrorDetails, ErrorKind } from '../protocol/protocol-error.ts';
import { PeerFault } from './peer-fault.ts';

/** Reads an array item by item; each read checks the kind. @throws PeerFault where it is something else */
export class Items {
  readonly #items: readonly unknown[];
  #at = 0;

  constructor(value: unknown) {
    if (!Array.isArray(value)) throw new PeerFault('protocol', 'an array was expected');
    this.#items = value;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#items.length;
  }

  text(): string {
    return textOf(this.#next());
  }

  count(): number {
    return countOf(this.#next());
  }

  flag(): boolean {
    const value = this.#next();
    if (typeof value !== 'boolean') throw new PeerFault('protocol', 'a flag was expected');
    return value;
  }

  list<Item>(itemOf: (value: unknown) => Item): Item[] {
    const value = this.#next();
    if (!Array.isArray(value)) throw new PeerFault('protocol', 'an array was expected');
    return value.map((item: unknown) => itemOf(item));
  }

  /** undefined where it is nil or missing. */
  optional<Item>(itemOf: (value: unknown) => Item): Item | undefined {
    const value = this.#next();
    return value === null || value === undefined ? undefined : itemOf(value);
  }

  #next(): unknown {
    return this.#items[this.#at++];
  }
}

export function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new PeerFault('protocol', 'a text was expected');
  return value;
}

/** An integer from 0 to 2^53 - 1. */
export function countOf(value: unknown): number {
  if (!isCount(value)) throw new PeerFault('protocol', 'a number was expected');
  return value;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A kind that only a newer node knows is an `internal` here. */
export function errorKindOf(name: string): ErrorKind {
  return Object.hasOwn(errorKinds, name) ? (name as ErrorKind) : 'internal';
}

export function detailsOf(value: unknown): ErrorDetails {
  if (!isDetails(value)) throw new PeerFault('protocol', 'the details of an error were expected');
  return value;
}

export function isDetails(value: unknown): value is ErrorDetails {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
