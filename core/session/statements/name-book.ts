/** A session's statement names, as far as the server has confirmed them. */
import type { SharedStatements } from './shared.ts';
import type { Statement } from './statement.ts';

/** Statement names are told apart by so many bytes (NAMEDATALEN - 1). */
const NAME_BYTES = 63;

interface Name {
  /** A character per byte, in the client's encoding. */
  readonly name: string;
  readonly statement: Statement;
  /** The statement has another name of this session's, too, or had one. */
  isAlias: boolean;
}

/** See the head of this file. */
export class NameBook {
  /** Names of statements that cannot be parsed on another server connection. */
  privateCount = 0;
  readonly #shared: SharedStatements;
  readonly #names = new Map<string, Name>();
  readonly #first = new Map<Statement, Name>();

  constructor(shared: SharedStatements) {
    this.#shared = shared;
  }

  get size(): number {
    return this.#names.size;
  }

  /** In the order they were made. */
  values(): Iterable<Name> {
    return this.#names.values();
  }

  get(name: string): Name | undefined {
    return this.#names.get(keyOf(name));
  }

  /** Takes over the caller's reference to the statement. */
  set(name: string, statement: Statement): void {
    const first = this.#first.get(statement);
    const own: Name = { name, statement, isAlias: first !== undefined };
    if (first === undefined) this.#first.set(statement, own);
    else first.isAlias = true;
    this.#names.set(keyOf(name), own);
    if (statement.isPrivate) this.privateCount++;
  }

  /** The name stands for another statement from here on, in the same place; takes over the caller's reference. */
  replace(name: string, statement: Statement): void {
    const own = this.get(name);
    if (own === undefined) return;
    this.#leave(own);
    this.set(own.name, statement);
  }

  delete(name: string): void {
    const own = this.get(name);
    if (own === undefined) return;
    this.#names.delete(keyOf(name));
    this.#leave(own);
  }

  #leave(own: Name): void {
    // With other names left, the next one is to be known as an alias.
    if (!own.isAlias) this.#first.delete(own.statement);
    if (own.statement.isPrivate) this.privateCount--;
    this.#shared.release(own.statement);
  }

  clear(): void {
    for (const { statement } of this.#names.values()) this.#shared.release(statement);
    this.#names.clear();
    this.#first.clear();
    this.privateCount = 0;
  }

  /** A name for the statement of this label; null: it has none. */
  nameOf(label: string): string | null {
    for (const { name, statement } of this.#names.values()) if (statement.label === label) return name;
    return null;
  }
}

/** What a name is told apart by. */
export function keyOf(name: string): string {
  return name.length > NAME_BYTES ? name.slice(0, NAME_BYTES) : name;
}
