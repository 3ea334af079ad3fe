/** What of a session's is on its way to the server, in order, and what of it counts last for a name or a statement. */
import { keyOf } from './name-book.ts';
import type { ClosePending, OwnClosePending, OwnParsePending, ParsePending, Pending, UnnamedPending } from './pending.ts';
import type { Statement } from './statement.ts';

/** See the head of this file. */
export class OnItsWay {
  /** Number of the last message that makes the unnamed statement this session's; -1: none. */
  unnamed = -1;
  readonly #queue: Pending[] = [];
  readonly #names = new Map<string, ParsePending | ClosePending>();
  readonly #statements = new Map<Statement, ParsePending | OwnParsePending | OwnClosePending>();

  get length(): number {
    return this.#queue.length;
  }

  /** Statements with something on its way. */
  get statements(): ReadonlyMap<Statement, ParsePending | OwnParsePending | OwnClosePending> {
    return this.#statements;
  }

  get first(): Pending | undefined {
    return this.#queue[0];
  }

  ofName(name: string): ParsePending | ClosePending | undefined {
    return this.#names.get(keyOf(name));
  }

  add(pending: Pending): void {
    this.#queue.push(pending);
    switch (pending.kind) {
      case 'parse':
        this.#names.set(keyOf(pending.name), pending);
        this.#statements.set(pending.statement, pending);
        return;
      case 'close':
        this.#names.set(keyOf(pending.name), pending);
        return;
      case 'own parse':
      case 'own close':
        this.#statements.set(pending.statement, pending);
        return;
      case 'own unnamed':
      case 'unnamed':
        this.unnamed = pending.number;
        return;
      default:
    }
  }

  /** Takes off what has a lower number, in order. */
  takeBefore(number: number): Pending[] {
    let count = 0;
    while ((this.#queue[count]?.number ?? number) < number) count++;
    return count === 0 ? [] : this.#queue.splice(0, count).map((pending) => this.#drop(pending));
  }

  /** What changes the unnamed statement next after the message of this number. */
  changeAfter(number: number): UnnamedPending | null {
    for (const pending of this.#queue) if (pending.kind === 'unnamed' && pending.changedAt === number) return pending;
    return null;
  }

  /** The client's name for a statement that it has just parsed; null: there is none. */
  nameOf(label: string): string | null {
    for (const pending of this.#queue) if (pending.kind === 'parse' && pending.statement.label === label) return pending.name;
    return null;
  }

  #drop(pending: Pending): Pending {
    if (pending.kind === 'parse' || pending.kind === 'close') {
      if (this.ofName(pending.name) === pending) this.#names.delete(keyOf(pending.name));
    }
    if (pending.kind === 'parse' || pending.kind === 'own parse' || pending.kind === 'own close') {
      if (this.#statements.get(pending.statement) === pending) this.#statements.delete(pending.statement);
    }
    if (this.unnamed === pending.number) this.unnamed = -1;
    return pending;
  }
}
