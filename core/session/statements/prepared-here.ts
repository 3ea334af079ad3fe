/** What the proxy has prepared on one server connection. Only what the server has confirmed stands here. */
import type { Statement } from './statement.ts';

/** Most statements that are kept prepared on one server connection; the one longest unused is closed for the next. */
export const PREPARED_LIMIT = 200;

interface Prepared {
  generation: number;
  usedAt: number;
}

/** See the head of this file. */
export class PreparedHere {
  /** Who set the connection's unnamed statement, or knows that it has none; null: nobody that still cares. */
  unnamedOwner: object | null = null;
  readonly #statements = new Map<Statement, Prepared>();
  #clock = 0;

  get size(): number {
    return this.#statements.size;
  }

  /** Its name is taken here, perhaps by a version that is of no use any more. */
  has(statement: Statement): boolean {
    return this.#statements.has(statement);
  }

  /** It can be used as it is; it counts as used. */
  use(statement: Statement): boolean {
    const prepared = this.#statements.get(statement);
    if (prepared === undefined || prepared.generation !== statement.generation) return false;
    prepared.usedAt = ++this.#clock;
    return true;
  }

  /** The server has parsed it. */
  add(statement: Statement, generation = statement.generation): void {
    this.#statements.set(statement, { generation, usedAt: ++this.#clock });
  }

  /** Whether it is there is not known: it is closed before it is parsed again. */
  doubt(statement: Statement): void {
    this.add(statement, -1);
  }

  delete(statement: Statement): void {
    this.#statements.delete(statement);
  }

  /** After DISCARD ALL or DEALLOCATE ALL: nothing is prepared any more. The unnamed statement is still there. */
  clear(): void {
    this.#statements.clear();
  }

  /** What the server was just found to have, by its names for them: the rest is gone, unseen. */
  keepOnly(serverNames: ReadonlySet<string>): void {
    for (const statement of this.#statements.keys()) {
      if (!serverNames.has(statement.name)) this.#statements.delete(statement);
    }
  }

  /** The proxy has parsed an unnamed statement, or run a simple query, on the connection. */
  forgetUnnamed(): void {
    this.unnamedOwner = null;
  }

  /** The one longest unused that may be closed; null: there is none. `busy`: those with something on its way. */
  oldest(busy: ReadonlyMap<Statement, unknown>): Statement | null {
    let found: Statement | null = null;
    let usedAt = Infinity;
    for (const [statement, prepared] of this.#statements) {
      if (prepared.usedAt >= usedAt || busy.has(statement)) continue;
      // Closed, it could not be parsed again.
      if (statement.isPrivate && statement.references > 0) continue;
      found = statement;
      usedAt = prepared.usedAt;
    }
    return found;
  }
}
