/** The connection that reads verifiers: one per source, one question at a time, closed when nobody asks for a while. */
import { dial, type DialOptions, type Login } from '../backend/dial.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import { readDataRow } from '../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../wire/messages.ts';

const QUESTION_DEADLINE_MS = 5_000;
const KEPT_MS = 15_000;
/** More than this many questions waiting means that somebody makes names up. */
const MAX_WAITING = 200;

/**
 * Never a client's parameters, and a fixed search path: names and operators mean what they mean (CVE-2025-2291, CVE-2025-12819).
 * The time left is by the server's own clock, as the server would judge it.
 */
const STARTUP: ReadonlyMap<string, string> = new Map([
  ['application_name', 'switchyard'],
  ['client_encoding', 'UTF8'],
  ['search_path', 'pg_catalog'],
]);
const SQL = `SELECT a.rolpassword, a.rolcanlogin::text,
  CASE WHEN a.rolvaliduntil IS NULL OR a.rolvaliduntil OPERATOR(pg_catalog.=) 'infinity' THEN NULL
       WHEN a.rolvaliduntil OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() THEN '0'
       ELSE (1000 OPERATOR(pg_catalog.*) pg_catalog.date_part('epoch', a.rolvaliduntil OPERATOR(pg_catalog.-) pg_catalog.clock_timestamp()))::text
  END
FROM pg_catalog.pg_authid AS a WHERE a.rolname::text OPERATOR(pg_catalog.=) $1::text`;

/** A role of the source. Holds a secret. */
export interface RoleRow {
  readonly verifier: string | null;
  readonly canLogin: boolean;
  /** How long its password was still valid when it was read; null: forever. */
  readonly validForMs: number | null;
}

/** The server answered, but not with a row. */
export class VerifierQueryFailure extends Error {
  readonly sqlState: string;
  constructor(sqlState: string, message: string) {
    super(message);
    this.name = 'VerifierQueryFailure';
    this.sqlState = sqlState;
  }
}

/** See the head of this file. */
export class VerifierConnection {
  readonly #login: Login;
  readonly #dialOptions: Pick<DialOptions, 'passwordFile'>;
  readonly #closing = new AbortController();
  #connection: ServerConnection | null = null;
  #idle: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(login: Login, dialOptions: Pick<DialOptions, 'passwordFile'>) {
    this.#login = { ...login, startup: STARTUP };
    this.#dialOptions = dialOptions;
  }

  /** Reads one role; null when there is none. Rejects with `DialFailure`, `VerifierQueryFailure`, `ServerLost` or `ExchangeDeadline`. */
  read(role: string): Promise<RoleRow | null> {
    if (this.#waiting >= MAX_WAITING) return Promise.reject(new Error('too many logins at the same time'));
    this.#waiting++;
    const row = this.#turn.then(() => this.#read(role)).finally(() => this.#waiting--);
    this.#turn = row.catch(() => {});
    return row;
  }

  /** Questions that are still waiting fail. */
  close(): void {
    clearTimeout(this.#idle);
    this.#closing.abort(new Error('the source of the verifiers was changed'));
    this.#connection?.destroy();
    this.#connection = null;
  }

  async #read(role: string): Promise<RoleRow | null> {
    clearTimeout(this.#idle);
    this.#closing.signal.throwIfAborted();
    if (this.#connection?.isOpen !== true) {
      this.#connection = await dial(this.#login, { ...this.#dialOptions, signal: this.#closing.signal });
    }
    const connection = this.#connection;
    const question = Buffer.concat([parse('', SQL), bind('', '', [role]), execute(''), syncMessage]);
    try {
      const messages = await connection.exchange(question, 1, { deadlineMs: QUESTION_DEADLINE_MS }).answer;
      const error = messages.find((message) => message.type === Server.ErrorResponse);
      if (error !== undefined) {
        const { sqlState, message } = readErrorFields(error.body);
        throw new VerifierQueryFailure(sqlState, message);
      }
      const row = messages.find((message) => message.type === Server.DataRow);
      return row === undefined ? null : asRole(readDataRow(row.body));
    } catch (error) {
      if (!(error instanceof VerifierQueryFailure)) connection.destroy();
      throw error;
    } finally {
      this.#idle = setTimeout(() => connection.end(), KEPT_MS);
      this.#idle.unref();
    }
  }
}

function asRole([verifier, canLogin, validFor]: (Buffer | null)[]): RoleRow {
  return {
    verifier: verifier?.toString('utf8') ?? null,
    canLogin: canLogin?.toString() === 'true',
    validForMs: validFor == null ? null : Number(validFor.toString()),
  };
}
