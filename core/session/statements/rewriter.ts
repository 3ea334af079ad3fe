/**
 * A chunk of the client's in which names are replaced: put together anew once, from what stays and what takes the place of the rest.
 */
import { Client, Status } from '../../wire/codes.ts';
import type { Link } from '../link.ts';
import type { StatementNames } from './names.ts';
import { Renamer, Renaming } from './renaming.ts';
import type { Statement } from './statement.ts';

/** See the head of this file. One per session; it holds something only while a chunk is worked on. */
export class Rewriter {
  /** The message last looked at is skipped by the server, as far as is known. */
  isSkipped = false;
  readonly #link: Link;
  readonly #send: (bytes: Buffer) => void;
  readonly #renamer = new Renamer();
  /** What goes out in the place of the chunk before `#from`; null: nothing has been replaced. */
  #pieces: Buffer[] | null = null;
  #from = 0;
  /** The chunk begins with a message, outside of a transaction, that uses this statement. */
  #opening: Statement | null = null;

  constructor(link: Link, send: (bytes: Buffer) => void) {
    this.#link = link;
    this.#send = send;
  }

  /** Has a message of the chunk looked at; `bytes[start, end)` is as much as is at hand of its `total` bytes. */
  inPlace(names: StatementNames, type: number, bytes: Buffer, start: number, end: number, total: number): Renaming {
    const { expected, status } = this.#link;
    const opens = start === 0 && expected.next === expected.done && status === Status.Idle;
    const renaming = this.#rename(names, type, bytes, start, end, total);
    const isReplaced = renaming === Renaming.Replace;
    if (opens) this.#opening = isReplaced && names.front.length === 0 ? this.#renamer.used : null;
    if (!isReplaced && names.front.length === 0) return renaming;
    this.#pieces ??= [];
    if (start > this.#from) this.#pieces.push(bytes.subarray(this.#from, start));
    if (names.front.length > 0) this.#pieces.push(...names.front.splice(0));
    if (isReplaced) this.#pieces.push(this.#renamer.head);
    this.#from = isReplaced ? this.#renamer.rest : start;
    return renaming;
  }

  /** The same for a message that was collected while nothing of it passed; it goes out now unless more of it is wanted, or it has to wait. */
  collected(names: StatementNames, type: number, bytes: Buffer, total: number, isLast: boolean): Renaming {
    let renaming = this.#rename(names, type, bytes, 0, bytes.length, total);
    // Nobody has names of that length: the server finds none of its own in there.
    if (renaming === Renaming.More && isLast) renaming = Renaming.Pass;
    if (renaming === Renaming.More || renaming === Renaming.Wait) return renaming;
    this.#pieces ??= [];
    this.#pieces.push(...names.front.splice(0));
    if (renaming === Renaming.Replace) this.#pieces.push(this.#renamer.head);
    this.#pieces.push(bytes.subarray(renaming === Renaming.Replace ? this.#renamer.rest : 0));
    return renaming;
  }

  /** What stands in front of this position of the chunk does not pass as it is. */
  leaveOut(at: number): void {
    this.#from = at;
  }

  /** What goes out for a chunk up to `end`; null: nothing. */
  take(chunk: Buffer, end: number): Buffer | null {
    const from = this.#from;
    const pieces = this.#pieces;
    this.#from = 0;
    this.#pieces = null;
    if (pieces === null) return end > from ? chunk.subarray(from, end) : null;
    if (end > from) pieces.push(chunk.subarray(from, end));
    const bytes = Buffer.concat(pieces);
    if (this.#opening !== null) {
      const { names, expected } = this.#link;
      names?.sent({ bytes, statement: this.#opening, number: expected.done, send: this.#send });
      this.#opening = null;
    }
    return bytes;
  }

  #rename(names: StatementNames, type: number, bytes: Buffer, start: number, end: number, total: number): Renaming {
    const { expected, status } = this.#link;
    this.isSkipped = expected.skipping && type !== Client.Sync;
    if (this.isSkipped || expected.copyIn) return Renaming.Pass;
    names.isInTransaction = status === Status.InTransaction;
    this.#renamer.used = null;
    return this.#renamer.rename(names, type, bytes, start, end, total);
  }
}
