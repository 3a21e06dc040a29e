import type { Message } from '../protocol/message.ts';

/** The part of one conversation's history that is on this device, oldest first, without holes. */
export class Timeline {
  #messages: readonly Message[] = [];
  /** Whether the server has older ones. */
  hasOlder = true;
  /** True while a page is being fetched. */
  isLoading = false;
  /** False until the newest page is here; what is pushed before that is in the page. */
  isLoaded = false;

  get messages(): readonly Message[] {
    return this.#messages;
  }

  get oldestSeq(): number | undefined {
    return this.#messages[0]?.seq;
  }

  /** Puts messages in their places; one that is here already is replaced. */
  add(messages: readonly Message[]): void {
    const bySeq = new Map(this.#messages.map((message) => [message.seq, message]));
    for (const message of messages) bySeq.set(message.seq, message);
    this.#messages = [...bySeq.values()].sort((one, other) => one.seq - other.seq);
  }

  /** Puts a message in the place of what it was before, where that is here. */
  replace(message: Message): void {
    this.#messages = this.#messages.map((known) => (known.seq === message.seq ? message : known));
  }

  has(messageId: string): boolean {
    return this.#messages.some((message) => message.messageId === messageId);
  }
}
