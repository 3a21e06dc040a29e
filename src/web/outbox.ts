/** A message that was written here and whose copy has not come back from the server yet. */
export interface OutboxEntry {
  readonly messageId: string;
  readonly conversationId: string;
  readonly text: string;
  readonly writtenAt: number;
  readonly status:
    | { readonly kind: 'sending' }
    | { readonly kind: 'sent' }
    | { readonly kind: 'failed'; readonly reason: string };
}

/** Where an outbox survives a reload: the part of the browser's Storage that it needs. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const storageKey = 'mailring.outbox';

/** Own messages on their way, in the order they were written. Kept over a reload with their ids, so a resend is safe. */
export class Outbox {
  readonly #storage: TextStorage;
  readonly #entries = new Map<string, OutboxEntry>();

  constructor(storage: TextStorage) {
    this.#storage = storage;
    for (const entry of readEntries(storage.getItem(storageKey))) this.#entries.set(entry.messageId, entry);
  }

  get entries(): readonly OutboxEntry[] {
    return [...this.#entries.values()];
  }

  of(conversationId: string): readonly OutboxEntry[] {
    return this.entries.filter((entry) => entry.conversationId === conversationId);
  }

  get(messageId: string): OutboxEntry | undefined {
    return this.#entries.get(messageId);
  }

  put(entry: OutboxEntry): void {
    this.#entries.set(entry.messageId, entry);
    this.#save();
  }

  /** Changes the status of an entry that is still here. */
  setStatus(messageId: string, status: OutboxEntry['status']): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) this.put({ ...entry, status });
  }

  remove(messageId: string): void {
    if (this.#entries.delete(messageId)) this.#save();
  }

  #save(): void {
    this.#storage.setItem(storageKey, JSON.stringify(this.entries));
  }
}

/** What an earlier page of this tab wrote; anything else counts as nothing. */
function readEntries(saved: string | null): OutboxEntry[] {
  if (saved === null) return [];
  try {
    return JSON.parse(saved) as OutboxEntry[];
  } catch {
    return []; // Not ours: start with an empty outbox.
  }
}
