/** The messages of one client, taken one at a time. */
import type { Message } from '../../../core/wire/message-reader.ts';

/** See the head of this file. */
export class Inbox {
  readonly #queue: Message[] = [];
  readonly #onTaken: () => void;
  #waiting: ((message: Message | null) => void) | null = null;
  #closed = false;

  /** `onTaken`: one that waited has been taken. */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** How many wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** Somebody waits for the next one. */
  get isAwaited(): boolean {
    return this.#waiting !== null;
  }

  push(message: Message): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#queue.push(message);
    else waiting(message);
  }

  /** Nothing more comes; what waits is still given out. */
  close(): void {
    this.#closed = true;
    this.#waiting?.(null);
    this.#waiting = null;
  }

  /** The next message; null: there is none any more. */
  next(): Promise<Message | null> {
    const message = this.#queue.shift();
    if (message !== undefined) {
      this.#onTaken();
      return Promise.resolve(message);
    }
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => (this.#waiting = resolve));
  }
}
