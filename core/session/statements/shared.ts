/**
 * The prepared statements that sessions share (pooling.md 3.1, 3.4): equal texts, parameter types and parse-time settings are one
 * statement, under one name on every server connection. One per switchyard.
 */
import { createHash } from 'node:crypto';
import type { ServerConnection } from '../../backend/server-connection.ts';
import { PreparedHere } from './prepared-here.ts';
import { SET_LOCAL } from './set-local.ts';
import { SERVER_PREFIX, Statement, type ParseContext } from './statement.ts';

/** Statements that no client's name stands for any more, kept because they tend to come back: how many, and how many bytes of them. */
const IDLE_LIMIT = 1_000;
const IDLE_BYTES = 16 * 1024 * 1024;
/** Longer texts are found by their hash. */
const PLAIN_KEY_BYTES = 1_024;

/** See the head of this file. */
export class SharedStatements {
  /** An empty statement: it can be parsed in any state, and a second Parse under its name fails as any duplicate does. */
  readonly taken = ownStatement('0', '');
  /** What it takes to parse one under other settings in the middle of a transaction. */
  readonly own = {
    savepoint: ownStatement('savepoint', `SAVEPOINT ${SERVER_PREFIX}`),
    setLocal: ownStatement('set_local', SET_LOCAL),
    rollBack: ownStatement('roll_back', `ROLLBACK TO SAVEPOINT ${SERVER_PREFIX}`),
    forget: ownStatement('forget', `RELEASE SAVEPOINT ${SERVER_PREFIX}`),
  };
  /** Parse messages of the proxy's own that were sent to servers, beside those of the clients. */
  ownParses = 0;
  readonly #byKey = new Map<string, Statement>();
  /** Those of `#byKey` that nobody references, longest unused first. */
  readonly #idle = new Set<Statement>();
  #idleBytes = 0;
  #nextId = 1;
  readonly #servers = new WeakMap<ServerConnection, PreparedHere>();

  /** How many there are. */
  get size(): number {
    return this.#byKey.size;
  }

  /** The statement of a Parse, referenced once more. `body`: what follows the name in its frame; copied. */
  take(body: Buffer, under: ParseContext): Statement {
    const text = body.length <= PLAIN_KEY_BYTES ? body.toString('latin1') : `#${createHash('sha256').update(body).digest('base64')}`;
    const key = `${under.key}\0${text}`;
    let statement = this.#byKey.get(key);
    if (statement === undefined) {
      statement = new Statement(String(this.#nextId++), body, under, key);
      this.#byKey.set(key, statement);
    } else if (this.#idle.delete(statement)) {
      this.#idleBytes -= statement.frame?.length ?? 0;
    }
    statement.references++;
    return statement;
  }

  /** A statement of one session alone, referenced once. `body` null: too large to be kept. */
  alone(body: Buffer | null): Statement {
    const statement = new Statement(String(this.#nextId++), body, null, null);
    statement.references = 1;
    return statement;
  }

  /** A name stands for it no more. */
  release(statement: Statement): void {
    statement.references--;
    if (statement.references > 0 || statement.key === null) return;
    this.#idle.add(statement);
    this.#idleBytes += statement.frame?.length ?? 0;
    for (const oldest of this.#idle) {
      if (this.#idle.size <= IDLE_LIMIT && this.#idleBytes <= IDLE_BYTES) return;
      this.#idle.delete(oldest);
      this.#idleBytes -= oldest.frame?.length ?? 0;
      if (oldest.key !== null) this.#byKey.delete(oldest.key);
    }
  }

  /** Nothing is prepared on it any more: DISCARD ALL was sent. */
  forget(server: ServerConnection): void {
    this.#servers.delete(server);
  }

  /** What is prepared on a server connection. */
  on(server: ServerConnection): PreparedHere {
    let here = this.#servers.get(server);
    if (here === undefined) {
      here = new PreparedHere();
      this.#servers.set(server, here);
    }
    return here;
  }
}

function ownStatement(label: string, text: string): Statement {
  return new Statement(label, Buffer.from(`${text}\0\0\0`, 'latin1'), null, null);
}
