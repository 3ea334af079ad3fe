/** The connection that reads verifiers: one per source, one question at a time, closed when nobody asks for a while. */
import { dial, type DialOptions, type Login } from '../backend/dial.ts';
import { ExchangeDeadline, type ServerConnection } from '../backend/server-connection.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import { readDataRow } from '../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../wire/messages.ts';

const QUESTION_DEADLINE_MS = 5_000;
const KEPT_MS = 15_000;
/** More than this many questions waiting means that somebody makes names up. */
const MAX_WAITING = 1_000;

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

/** More logins at the same time than the source is asked for. */
export class TooManyQuestions extends Error {
  constructor() {
    super('too many users log in at the same time');
    this.name = 'TooManyQuestions';
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
  #asked = 0;
  /** Questions up to this one are not asked any more: the source could not be reached for an earlier one. */
  #failed: { readonly upTo: number; readonly error: unknown } = { upTo: -1, error: null };

  constructor(login: Login, dialOptions: Pick<DialOptions, 'passwordFile'>) {
    this.#login = { ...login, startup: STARTUP };
    this.#dialOptions = dialOptions;
  }

  /**
   * Reads one role; null when there is none. Rejects with `DialFailure`, `VerifierQueryFailure`, `TooManyQuestions`, `ServerLost` or
   * `ExchangeDeadline`.
   */
  read(role: string): Promise<RoleRow | null> {
    if (this.#waiting >= MAX_WAITING) return Promise.reject(new TooManyQuestions());
    this.#waiting++;
    const number = this.#asked++;
    const row = this.#turn.then(() => this.#answer(role, number)).finally(() => this.#waiting--);
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

  async #answer(role: string, number: number): Promise<RoleRow | null> {
    if (number <= this.#failed.upTo) throw this.#failed.error;
    clearTimeout(this.#idle);
    this.#closing.signal.throwIfAborted();
    const kept = this.#connection?.isOpen === true;
    try {
      // A connection that was kept may have died in its sleep: that says nothing about the source.
      return await this.#read(role).catch((error: unknown) => {
        if (!kept || error instanceof VerifierQueryFailure || error instanceof ExchangeDeadline) throw error;
        this.#closing.signal.throwIfAborted();
        return this.#read(role);
      });
    } catch (error) {
      this.#failed = { upTo: this.#asked - 1, error };
      throw error;
    } finally {
      if (!this.#closing.signal.aborted) this.#idle = setTimeout(() => this.#connection?.end(), KEPT_MS).unref();
    }
  }

  async #read(role: string): Promise<RoleRow | null> {
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
