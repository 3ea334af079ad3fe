/**
 * Stands between a server connection and its owner while a session is carried over: an exchange may begin at any moment, and finds what
 * is there of an unfinished message; and what the server says unasked can be kept back until it is decided whose it is.
 */
import type { ServerConnection, ServerOwner } from '../../../backend/server-connection.ts';
import { HEADER_BYTES, Server } from '../../../wire/codes.ts';

const NOTHING = Buffer.alloc(0);

/** What becomes of whole messages: the owner hears them, or they are kept, or nobody hears them. */
export type TapState = 'pass' | 'keep' | 'drop';

/** See the head of this file. */
export class Tap implements ServerOwner {
  state: TapState;
  readonly #server: ServerConnection;
  readonly #owner: ServerOwner | null;
  /** Kept messages go to whoever owns the connection next; else only the unfinished one. */
  readonly #leavesAll: boolean;
  #kept: Buffer[] = [];
  #unfinished: Buffer = NOTHING;

  /** Begins at once; the owner must be in the middle of no message. */
  constructor(server: ServerConnection, state: TapState, leavesAll: boolean) {
    this.#server = server;
    this.#owner = server.owner;
    this.state = state;
    this.#leavesAll = leavesAll;
    server.setOwner(this);
  }

  /** A whole message, wherever it was heard. */
  readonly hear = (message: Buffer): void => {
    if (this.state === 'keep') this.#kept.push(message);
    else if (this.state === 'pass') this.#owner?.onServerData?.(message);
    else if (message[0] === Server.ParameterStatus) this.#server.noteParameter(message.subarray(HEADER_BYTES));
  };

  /** The owner has the connection again, and hears what was kept. */
  giveBack(): void {
    const kept = this.#kept;
    this.#kept = [];
    if (this.#server.owner !== this) return;
    this.state = 'pass';
    for (const message of kept) this.hear(message);
    // The owner may have let the connection go when it heard that.
    if (this.#server.owner === this) this.#server.setOwner(this.#owner);
  }

  onServerData(chunk: Buffer): void {
    const bytes = this.#unfinished.length === 0 ? chunk : Buffer.concat([this.#unfinished, chunk]);
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + 1 + Math.max(4, bytes.readInt32BE(at + 1));
      if (end > bytes.length) break;
      this.hear(bytes.subarray(at, end));
      at = end;
    }
    this.#unfinished = bytes.subarray(at);
  }

  onServerDrain(): void {
    this.#owner?.onServerDrain();
  }

  onServerClosed(reason: string): void {
    this.#owner?.onServerClosed(reason);
  }

  leaves(): Buffer {
    const left = this.#leavesAll ? Buffer.concat([...this.#kept, this.#unfinished]) : this.#unfinished;
    if (this.#leavesAll) this.#kept = [];
    this.#unfinished = NOTHING;
    return left;
  }
}
